"""A project: people who ask together, for one purpose. What one of them has paid for is free for the others."""

from jali.wire.base import Reply


class Project(Reply):
    """A project as its members see it."""

    id: str
    name: str
    purpose: str
