"""How long a node keeps what it need not keep for ever. The chain, spends and releases it always keeps.

In `node.toml`; what has no days is kept until somebody erases it:

    [retention]
    sessions_days = 30   # sessions, tokens and invitations, after they ended
    notices_days = 90    # webhooks and mails, after they were delivered or given up
    asked_days = 365     # the facts of the last questions, which a policy's dry run reads
    lapsed_days = 180    # the words of requests and jobs that lapsed or were withdrawn
    decided_days = 3650  # the words of those that were decided, after the last grant or round of theirs
    people_days = 365    # the names of people, after they were removed
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DAYS_MAX = 36_500
Days = Annotated[int, Field(ge=1, le=DAYS_MAX)]


class RetentionSettings(BaseModel):
    """After how many days what goes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    sessions_days: Days | None = 30
    notices_days: Days | None = 90
    asked_days: Days | None = None
    lapsed_days: Days | None = None
    decided_days: Days | None = None
    people_days: Days | None = None
