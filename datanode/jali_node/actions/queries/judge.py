"""A question's facts, held against grants and policy. Nothing is planned, nothing is written."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from jali.wire.policy import Policy
from jali.wire.query import Query
from jali_node.actions.policies.history import Place
from jali_node.actions.requests.wanted import question_digest
from jali_node.ledger import book
from jali_node.people.caller import Caller
from jali_node.people.sight import seen
from jali_node.policy import rules
from jali_node.policy.conditions import Asked
from jali_node.policy.rules import Judgement
from jali_node.store import clock, grants, policies, projects
from jali_node.store.catalog import Registered
from jali_node.tables import AccountRow, FreezeRow, GrantRow, ProjectRow


@dataclass(frozen=True)
class Judged:
    """A question, and what is said to it."""

    query: Query
    caller: Caller
    registered: Registered
    judgement: Judgement
    at: datetime

    @property
    def place(self) -> Place:
        """Who asked, about what, and when."""
        return Place(self.caller.id, self.query.project, self.query.dataset, self.at)


def judge(session: Session, caller: Caller, query: Query, policy: Policy | None = None) -> Judged:
    """Judge a question, by the policy in force unless another is given.

    Raises:
        AccessDenied, ProjectEnded, UnknownDataset: it is not for this person to ask at all.
    """
    caller.must_belong_to(query.project)
    projects.refuse_if_ended(session, query.project)
    registered, now = seen(session, caller, query.dataset), clock.now(session)
    asked = Asked(
        person=frozenset({caller.id, caller.name}),
        role=caller.role,
        project=frozenset({query.project, session.get_one(ProjectRow, query.project).name}),
        dataset=frozenset({query.dataset, registered.dataset.name}),
        columns=frozenset(query.reads),
        epsilon=query.epsilon,
        statistic=query.statistic.kind,
    )
    in_force = policies.in_force(session) if policy is None else policy
    judgement = rules.decide(_grants(session, caller, query), asked, now, in_force)
    return Judged(query, caller, registered, judgement, now)


def _grants(session: Session, caller: Caller, query: Query) -> list[rules.Grant]:
    this = question_digest(query)
    return [grant_of(session, row, this) for row in grants.held(session, caller.id, query.project, query.dataset)]


def grant_of(session: Session, row: GrantRow, this: str = "") -> rules.Grant:
    """Return a stored grant as rules read it; `this` is the digest of the question that is asked."""
    quota = book.present(session.get_one(AccountRow, row.account_id)).budget()
    revoked = session.get(FreezeRow, row.id)
    return rules.Grant(
        id=row.id,
        account_id=row.account_id,
        expires_at=row.expires_at,
        statistics=grants.names(row.statistics),
        columns=grants.names(row.columns),
        job_kinds=grants.names(row.job_kinds),
        total=quota.spent,
        cap=quota.cap,
        for_this=row.question == this,
        for_one=row.question is not None,
        revoked=revoked.reason if revoked and revoked.final else None,
    )
