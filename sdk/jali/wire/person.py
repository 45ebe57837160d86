"""Who is asking."""

from enum import StrEnum

from jali.wire.base import Reply
from jali.wire.project import Project


class Role(StrEnum):
    """What a person may do on a node.

    An owner may do everything that is an owner's. A reviewer reads what an owner reads and decides about requests and
    jobs. A data scientist asks, for their projects. An auditor reads what an owner reads, and changes nothing.
    """

    OWNER = "owner"
    REVIEWER = "reviewer"
    DATA_SCIENTIST = "data_scientist"
    AUDITOR = "auditor"


class Me(Reply):
    """The person behind the token, and the projects they belong to."""

    id: str
    name: str
    role: Role
    projects: tuple[Project, ...]
