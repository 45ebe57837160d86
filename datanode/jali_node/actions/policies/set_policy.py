"""The policy in force, those before it, and a new one in its place."""

import difflib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.money import digest
from jali.wire.policy import Policy, PolicyForm, PolicyInvalid, PolicyVersion, Rule, parsed
from jali_node import audit
from jali_node.errors import DecisionOutdated, InvalidRequest
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import catalog, policies
from jali_node.tables import ChainHeadRow, DatasetRow, PersonRow, PolicyRow, ProjectRow


def show_policy(node: Node, caller: Caller) -> PolicyVersion:
    """Return the policy in force.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    return policy_in_force(node)


def policy_in_force(node: Node) -> PolicyVersion:
    """Do the same for whoever sits at the node's own machine."""
    with node.database.reading() as session:
        return shown(policies.newest(session))


def list_policies(node: Node, caller: Caller) -> list[PolicyVersion]:
    """Return every version, the newest first.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    with node.database.reading() as session:
        return [shown(row) for row in session.scalars(select(PolicyRow).order_by(PolicyRow.number.desc()))]


def set_policy(node: Node, caller: Caller, form: PolicyForm) -> PolicyVersion:
    """Put a document in force, and its digest into the chain. The same text again changes nothing.

    Raises:
        AccessDenied: the caller is not an owner.
        DecisionOutdated: another document is in force than the one that was read.
        InvalidRequest: it is no policy, or names what this node does not have.
    """
    caller.must_own()
    return put_in_force(node, form, caller.id)


def put_in_force(node: Node, form: PolicyForm, person_id: str | None) -> PolicyVersion:
    """Do the same for whoever sits at the node's own machine, where nobody signs in."""
    with node.database.writing() as session:
        checked(session, form.text)
        session.scalars(select(ChainHeadRow).with_for_update()).one()  # versions form a line, as entries do
        before = shown(policies.newest(session))
        if form.replaces is not None and form.replaces != before.digest:
            raise DecisionOutdated("another policy is in force than the one that was read; read it", field="replaces")
        if before.text == form.text:
            return before
        row = PolicyRow(
            number=before.number + 1,
            digest=digest(form.text),
            text=form.text,
            person_id=person_id,
            created_at=datetime.now(UTC),
        )
        session.add(row)
        session.flush()
        audit.record(
            session, audit.POLICY_SET, number=row.number, digest=row.digest, before=before.digest, by=person_id
        )
        return shown(row)


def checked(session: Session, text: str) -> Policy:
    """Return a document as a policy that fits this node.

    Raises:
        InvalidRequest: it is none; the rule, the field and the numbers are named.
    """
    try:
        policy = parsed(text)
    except PolicyInvalid as error:
        raise InvalidRequest(error.detail, field=error.field) from error
    known = _known(session)
    for number, rule in enumerate(policy.rules):
        for field, names in known.items():
            _refuse_unknown(rule, number, field, names)
    return policy


def shown(row: PolicyRow | None) -> PolicyVersion:
    """Return a version as it is read; the empty document where there is none."""
    if row is None:
        return PolicyVersion(number=0, digest=digest(""), text="")
    return PolicyVersion(number=row.number, digest=row.digest, text=row.text, by=row.person_id, at=row.created_at)


def _known(session: Session) -> dict[str, frozenset[str]]:
    columns = {column.name for found in catalog.all_registered(session) for column in found.card.all_columns}
    return {
        "persons": _named(session.execute(select(PersonRow.id, PersonRow.name))),
        "projects": _named(session.execute(select(ProjectRow.id, ProjectRow.name))),
        "datasets": _named(session.execute(select(DatasetRow.id, DatasetRow.name))),
        "columns": frozenset(columns),
    }


def _named(rows: Iterable[Any]) -> frozenset[str]:
    return frozenset(name for row in rows for name in row)


def _refuse_unknown(rule: Rule, number: int, field: str, names: frozenset[str]) -> None:
    """Refuse a name that nothing has: a deny that is misspelt would never speak."""
    for place, name in enumerate(getattr(rule, field) or ()):
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            help_ = f" (did you mean {near[0]}?)" if near else ""
            raise InvalidRequest(
                f"rule {rule.name!r}, {field}.{place}: this node has no {field[:-1]} {name!r}{help_}",
                field=f"rule.{number}.{field}.{place}",
            )
