"""Notices as their owners see them; a dead one may be sent again."""

from datetime import UTC, datetime

from sqlalchemy import select

from jali.wire.notice import Notice, NoticeState
from jali_node import audit
from jali_node.errors import DecisionOutdated, UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import NoticeRow

LAST = 200


def list_notices(node: Node, caller: Caller, state: NoticeState | None) -> list[Notice]:
    """Return the last notices, the newest first.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    return listed(node, state)


def listed(node: Node, state: NoticeState | None) -> list[Notice]:
    """Do the same for whoever sits at the node's own machine."""
    query = select(NoticeRow).order_by(NoticeRow.created_at.desc(), NoticeRow.id.desc()).limit(LAST)
    if state is not None:
        query = query.where(NoticeRow.state == state)
    with node.database.reading() as session:
        return [_shown(row) for row in session.scalars(query)]


def send_again(node: Node, caller: Caller, notice_id: str) -> Notice:
    """Make a dead notice due at once, under its old id, with all its attempts before it.

    Raises:
        AccessDenied: the caller is not an owner.
        UnknownResource: there is no such notice.
        DecisionOutdated: it is not dead.
    """
    caller.must_own()
    return revived(node, notice_id, caller.id)


def revived(node: Node, notice_id: str, by: str | None = None) -> Notice:
    """Do the same for whoever sits at the node's own machine."""
    with node.database.writing() as session:
        row = session.scalars(select(NoticeRow).where(NoticeRow.id == notice_id).with_for_update()).one_or_none()
        if row is None:
            raise UnknownResource("there is no such notice", field="notice")
        if row.state != NoticeState.DEAD:
            raise DecisionOutdated(f"the notice is {row.state}; only a dead one is sent again", field="notice")
        row.state, row.attempts, row.next_at, row.trouble = NoticeState.WAITING, 0, datetime.now(UTC), ""
        audit.record(session, audit.NOTICE_REVIVED, notice=row.id, by=by)
        return _shown(row)


def _shown(row: NoticeRow) -> Notice:
    return Notice(
        id=row.id,
        receiver=row.receiver,
        event=row.event,
        about=row.about,
        state=NoticeState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        next_at=row.next_at,
        delivered_at=row.delivered_at,
        trouble=row.trouble,
    )
