"""A document held against the last requests: what was said to each, and what would be. Nothing is written."""

from sqlalchemy.orm import Session

from jali.wire.money import digest, from_fixed
from jali.wire.policy import LAST, DryRun, Effect, Policy, PolicyForm, Tried
from jali_node.actions.policies import history
from jali_node.actions.policies.set_policy import checked
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import rules
from jali_node.policy.rules import Standing
from jali_node.tables import DatasetRow, JudgedRow, PersonRow, ProjectRow


def dry_run(node: Node, caller: Caller, form: PolicyForm) -> DryRun:
    """Return what a document would change.

    Raises:
        AccessDenied: the caller is not an owner.
        InvalidRequest: it is no policy, or names what this node does not have.
    """
    caller.must_own()
    return tried(node, form.text)


def tried(node: Node, text: str) -> DryRun:
    """Do the same for whoever sits at the node's own machine."""
    with node.database.reading() as session:
        policy = checked(session, text)
        last = tuple(_tried(session, row, policy) for row in history.last(session, LAST))
    return DryRun(digest=digest(text), requests=last)


def _tried(session: Session, row: JudgedRow, policy: Policy) -> Tried:
    asked = history.asked_of(session, row)
    ruling = rules.ruled(Standing(row.standing), asked, row.at, policy)
    return Tried(
        at=row.at,
        person_name=session.get_one(PersonRow, row.person_id).name,
        project_name=session.get_one(ProjectRow, row.project_id).name,
        dataset_name=session.get_one(DatasetRow, row.dataset_id).name,
        what=row.statistic or row.job_kind or "",
        columns=tuple(sorted(asked.columns)),
        epsilon=from_fixed(row.epsilon),
        was=Effect(row.effect),
        was_rule=row.rule,
        would_be=ruling.effect,
        rule=ruling.rule,
        reason=ruling.reason,
    )
