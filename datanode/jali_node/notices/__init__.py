"""Signed webhooks and mail: what is written into the outbox, and how it leaves."""
