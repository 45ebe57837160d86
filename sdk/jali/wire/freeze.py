"""Stopping at once: a node, an account, a dataset or a grant spends nothing until it is unfrozen."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from jali.wire.base import Reply, Request

NODE = "node"
Subject = Annotated[str, Field(pattern=r"^(node|(acc|pop|ds|grt)_[0-9a-z_]{1,36})$")]
"""What is stopped: `node` for everything, or the id of an account, a population, a dataset or a grant."""


class FreezeForm(Request):
    """What to stop, and what people who meet it are told. A population's account is frozen for every dataset of it."""

    subject: Subject
    reason: str = Field(min_length=3, max_length=1000)


class RevokeForm(Request):
    """Why a grant ends. Its holder reads it."""

    reason: str = Field(min_length=3, max_length=1000)


class Freeze(Reply):
    """What is stopped. `final` is a grant that was revoked; everything else can be unfrozen."""

    subject: str
    what: str
    name: str
    final: bool
    reason: str
    by: str | None
    by_name: str | None
    at: datetime
