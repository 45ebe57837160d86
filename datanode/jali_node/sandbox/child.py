"""What runs in the cell: one round of training. Started by `cell` as `python -I -m jali_node.sandbox.child LIMITS`.

Standard input holds the round, standard output takes the reply, and nothing else leaves: whatever a library prints goes
nowhere, and a failure is an exit status without words.
"""

import json
import os
import sys

from jali_node.sandbox import message, walls
from jali_node.sandbox.limits import Limits


def main() -> None:
    """Close the walls, train, reply."""
    limits = Limits.of(sys.argv[1:])
    replies = os.dup(sys.stdout.fileno())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    walls.close_early(limits)

    from jali_node.sandbox import task  # after the first walls, before the last: torch maps gigabytes and reads files

    task.warm_up()
    tier = walls.close(limits)
    task.use_threads(limits.threads)
    task_bytes = sys.stdin.buffer.read()
    reply = message.packed([json.dumps({"tier": tier}).encode(), task.done(task_bytes)])
    with os.fdopen(replies, "wb") as pipe:
        pipe.write(reply)


if __name__ == "__main__":
    try:
        main()
    except BaseException:  # a traceback could show what a row holds
        os._exit(70)
