"""One round in a process of its own: no secrets, no network where the machine allows it, and limits on all it uses.

Tiers, as `cell.tier()` finds them on a machine:

    2   a process with an empty environment, a scratch folder and pipes, within limits of time, memory and files
    3   the same, and the kernel refuses it sockets, new processes and other programs (seccomp)
    4   the same, and it can open no file at all, the node's key and database among them (Landlock)
    5   the same, and there is no file whose name it could ask for, and no network device (name spaces)

A round's process is forked from one that has loaded torch already and knows nothing else (`zygote`); what a person
wrote runs in a Python of its own (`code`).

No code ever comes from outside: a model is data, and what runs here is the node's own. The walls stand in case that
some library has a fault which data can reach.
"""
