"""The order of speaking: no grant denies; an explicit deny wins, then an explicit ask; a grant allows what lies inside
it, and a rule may allow more; where nothing speaks, and for every job that no rule allows, an owner is asked.

What an owner was asked about and granted for this very question answers an ask, never a deny. A rule alone allows
nothing above what two persons must agree to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from jali.wire.policy import NO_POLICY, Effect, Policy, Rule
from jali_node.policy.conditions import Asked, speaks, words

NO_GRANT = "you have no access to this dataset for this project; ask with request_access(purpose=, epsilon=)"
OUTSIDE = "this lies outside what was granted"
JOBS_ARE_ASKED = "an owner decides about every job that no rule allows"


@dataclass(frozen=True)
class Grant:
    """What an owner allowed: statistics and jobs by kind, columns by name, None for all, until `expires_at`.

    `total` of its quota `cap` (epsilon) was spent so far. A grant `for_one` question allows and pays for
    that one alone; `for_this` says that it is this very one. `revoked` is why an owner ended it.
    """

    id: str
    account_id: str
    expires_at: datetime
    statistics: frozenset[str] | None = None
    columns: frozenset[str] | None = None
    job_kinds: frozenset[str] | None = None
    total: float = 0.0
    cap: float = 0.0
    for_this: bool = False
    for_one: bool = False
    revoked: str | None = None

    def covers(self, asked: Asked) -> bool:
        """Say whether a question or a job lies inside the grant."""
        return not self.lacks(asked)

    def lacks(self, asked: Asked) -> list[str]:
        """Say what the grant allows and what is asked beyond it: nothing where it covers it."""
        if asked.job_kind is None:
            what, allowed, wanted = "the statistics", self.statistics, asked.statistic
        else:
            what, allowed, wanted = "jobs of kind", self.job_kinds, asked.job_kind
        beyond = ", ".join(sorted(asked.columns - self.columns)) if self.columns is not None else ""
        return [
            *([f"it allows {what} {_named(allowed)}, and this is {wanted}"] if _outside(allowed, wanted) else []),
            *([f"it allows the columns {_named(self.columns)}, and this reads {beyond} too"] if beyond else []),
        ]


class Standing(StrEnum):
    """What grants alone say about a request."""

    NONE = "none"
    OUTSIDE = "outside"
    INSIDE = "inside"
    DECIDED = "decided"
    """An owner has granted this very question."""
    JOB = "job"
    """Jobs need no grant, and none allows them; an owner decides."""
    JOB_OUTSIDE = "job_outside"
    """The asker's grants are for other jobs or columns: only a rule lets it through."""


@dataclass(frozen=True)
class Ruling:
    """What was said, by which rule if one spoke, and why."""

    effect: Effect
    reason: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Allow:
    """The question may be asked, on this grant's quota."""

    grant: Grant
    rule: str = ""


@dataclass(frozen=True)
class AskOwner:
    """Nobody has allowed this, or a rule says to ask; an owner decides."""

    reason: str
    rule: str = ""


@dataclass(frozen=True)
class Deny:
    """The question may not be asked."""

    reason: str
    rule: str = ""


Verdict = Allow | AskOwner | Deny


@dataclass(frozen=True)
class Judgement:
    """A question's facts, what its grants say, and the verdict."""

    asked: Asked
    standing: Standing
    verdict: Verdict


def decide(grants: Sequence[Grant], asked: Asked, now: datetime, policy: Policy = NO_POLICY) -> Judgement:
    """Return the verdict on a question of one person, for one project, about one dataset.

    Args:
        grants: theirs for this dataset and project, newest first.
        asked: what is asked; the paying quota's total is filled in here.
        now: aware UTC.
        policy: what the owners have written.
    """
    speaking = [grant for grant in grants if grant.for_this or not grant.for_one]
    valid = [grant for grant in speaking if grant.expires_at > now]
    if not valid:
        return Judgement(asked, Standing.NONE, Deny(_ended(speaking) if speaking else NO_GRANT))
    standing, grant = _standing(valid, asked)
    facts = replace(asked, total=grant.total, cap=grant.cap)
    ruling = ruled(standing, facts, now, policy, outside(valid, asked))
    if ruling.effect is Effect.ALLOW:
        return Judgement(facts, standing, Allow(grant, ruling.rule))
    kind = Deny if ruling.effect is Effect.DENY else AskOwner
    return Judgement(facts, standing, kind(ruling.reason, ruling.rule))


def decide_job(
    grants: Sequence[Grant], asked: Asked, now: datetime, policy: Policy = NO_POLICY
) -> tuple[Standing, Ruling]:
    """Return what is said to a job. Whoever has grants for the dataset submits what lies inside one of them."""
    valid = [grant for grant in grants if not grant.for_one and grant.expires_at > now]
    lies_outside = bool(valid) and not any(grant.covers(asked) for grant in valid)
    standing = Standing.JOB_OUTSIDE if lies_outside else Standing.JOB
    return standing, ruled(standing, asked, now, policy, outside(valid, asked))


def outside(valid: Sequence[Grant], asked: Asked) -> str:
    """Say what the newest grant allows, and what is asked beyond it."""
    lacking = valid[0].lacks(asked) if valid else []
    return "; ".join([OUTSIDE, *lacking])


def ruled(
    standing: Standing, asked: Asked, at: datetime, policy: Policy = NO_POLICY, lies_outside: str = OUTSIDE
) -> Ruling:
    """Return what is said to a request, given what its grants say."""
    if standing is Standing.NONE:
        return Ruling(Effect.DENY, NO_GRANT)
    speaking = [rule for rule in policy.rules if speaks(rule, asked, at)]
    by_effect = {effect: next((r for r in speaking if r.effect is effect), None) for effect in Effect}
    if rule := by_effect[Effect.DENY]:
        return Ruling(Effect.DENY, f"{_called(rule)} says no: {words(rule, asked)}", rule.name)
    if standing is Standing.DECIDED:
        return Ruling(Effect.ALLOW)
    if rule := by_effect[Effect.ASK]:
        return Ruling(Effect.ASK, f"{_called(rule)} puts this to an owner: {words(rule, asked)}", rule.name)
    if standing is Standing.INSIDE:
        return Ruling(Effect.ALLOW)
    limit = policy.approval.two_persons_above_epsilon
    rule = by_effect[Effect.ALLOW]
    if rule and (limit is None or asked.epsilon <= limit):
        return Ruling(Effect.ALLOW, f"{_called(rule)} allows this: {words(rule, asked)}", rule.name)
    if rule:
        said = f"above epsilon {limit:g} two persons must agree, whatever a rule allows; this costs {asked.epsilon:g}"
        return Ruling(Effect.ASK, said)
    if standing is Standing.JOB_OUTSIDE:
        return Ruling(Effect.DENY, f"{lies_outside}; ask for more with request_access(job_kinds=, columns=)")
    return Ruling(Effect.ASK, JOBS_ARE_ASKED if standing is Standing.JOB else lies_outside)


def _standing(valid: Sequence[Grant], asked: Asked) -> tuple[Standing, Grant]:
    """Return what valid grants say, and the one that would pay."""
    for grant in valid:
        if grant.for_this:
            return Standing.DECIDED, grant
    for grant in valid:
        if grant.covers(asked):
            return Standing.INSIDE, grant
    return Standing.OUTSIDE, valid[0]


def _named(allowed: frozenset[str] | None) -> str:
    return ", ".join(sorted(allowed or ())) or "none"


def _outside(allowed: frozenset[str] | None, wanted: str | None) -> bool:
    return allowed is not None and wanted not in allowed


def _ended(grants: Sequence[Grant]) -> str:
    last = max(grants, key=lambda grant: grant.expires_at)
    ended = f"ended on {last.expires_at:%Y-%m-%d}"
    if last.revoked is not None:
        ended = f"was revoked on {last.expires_at:%Y-%m-%d %H:%M} UTC: {last.revoked}"
    return f"your access {ended}; ask again with request_access(purpose=, epsilon=)"


def _called(rule: Rule) -> str:
    return f"rule {rule.name!r} of this node's policy"
