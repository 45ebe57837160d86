"""Who is asking."""

from enum import StrEnum

from jali.wire.base import Reply
from jali.wire.project import Project


class Role(StrEnum):
    """What a person may do on a node."""

    OWNER = "owner"
    DATA_SCIENTIST = "data_scientist"


class Me(Reply):
    """The person behind the token, and the projects they belong to."""

    id: str
    name: str
    role: Role
    projects: tuple[Project, ...]
