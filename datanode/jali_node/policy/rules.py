"""The order of speaking: no grant denies; a grant allows what lies inside it; where nothing speaks, an owner is asked.

An explicit deny would win over everything and an explicit ask over an allow; policies that speak so come later, in
front of the grants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Grant:
    """What an owner allowed: `statistics` by kind and `columns` by name, None for all, until `expires_at`."""

    id: str
    account_id: str
    expires_at: datetime
    statistics: frozenset[str] | None = None
    columns: frozenset[str] | None = None

    def covers(self, statistic: str, columns: frozenset[str]) -> bool:
        """Say whether a question lies inside the grant."""
        return (self.statistics is None or statistic in self.statistics) and (
            self.columns is None or columns <= self.columns
        )


@dataclass(frozen=True)
class Allow:
    """The question may be asked, on this grant's quota."""

    grant: Grant


@dataclass(frozen=True)
class AskOwner:
    """Nobody has spoken about this question; an owner decides."""

    reason: str


@dataclass(frozen=True)
class Deny:
    """The question may not be asked."""

    reason: str


Verdict = Allow | AskOwner | Deny


def decide(grants: Sequence[Grant], statistic: str, columns: frozenset[str], now: datetime) -> Verdict:
    """Return the verdict on a question of one person, for one project, about one dataset.

    Args:
        grants: theirs for this dataset and project, newest first.
        statistic: the kind asked for.
        columns: what it reads.
        now: aware UTC.
    """
    if not grants:
        return Deny("you have no access to this dataset for this project; ask with request_access(purpose=, epsilon=)")
    valid = [grant for grant in grants if grant.expires_at > now]
    if not valid:
        ended = max(grant.expires_at for grant in grants)
        return Deny(f"your access ended on {ended:%Y-%m-%d}; ask again with request_access(purpose=, epsilon=)")
    for grant in valid:
        if grant.covers(statistic, columns):
            return Allow(grant)
    return AskOwner("this statistic or one of its columns lies outside what was granted, so an owner has been asked")
