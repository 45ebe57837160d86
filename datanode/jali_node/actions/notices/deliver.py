"""Due notices are sent, at least once each: by the node's own thread, or by `jali node notify`.

    waiting --(an attempt)--> delivered
       ^  '--(failed)--'  '-> dead        after the last attempt, or where the receiver says that it is gone

An attempt is counted, and the next one's time fixed, before anything is sent: if the process is killed meanwhile, the
notice is due again, under the same id. Several processes may deliver: each claims a notice before it sends it.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from jali.wire.notice import NoticeState
from jali_node.node import Node
from jali_node.notices import mail, webhook
from jali_node.notices.outbox import MAIL, OWNERS, WEBHOOK
from jali_node.notices.webhook import Undelivered
from jali_node.tables import NoticeRow, PersonRow

BATCH = 100
JITTER = 0.1
"""Receivers that came back are not all called at the same moment."""


@dataclass(frozen=True)
class Delivered:
    """How many notices left, will be tried again, and were given up."""

    sent: int = 0
    again: int = 0
    dead: int = 0


def deliver_due(node: Node) -> Delivered:
    """Try every notice that is due, once, the longest due first."""
    with node.database.reading() as session:
        due = select(NoticeRow.id).where(NoticeRow.state == NoticeState.WAITING, NoticeRow.next_at <= datetime.now(UTC))
        waiting = session.scalars(due.order_by(NoticeRow.next_at, NoticeRow.id).limit(BATCH)).all()
    states = [_attempt(node, notice_id) for notice_id in waiting]
    return Delivered(
        sum(state is NoticeState.DELIVERED for state in states),
        sum(state is NoticeState.WAITING for state in states),
        sum(state is NoticeState.DEAD for state in states),
    )


def _attempt(node: Node, notice_id: str) -> NoticeState | None:
    """Claim a notice, send it, and note what became of it; None where another process has it."""
    claimed = _claimed(node, notice_id)
    if claimed is None:
        return None
    try:
        _send(node, claimed)
        return _noted(node, claimed, NoticeState.DELIVERED, "")
    except Undelivered as failure:
        last = claimed.attempts > len(node.settings.notices.retry_s) or failure.final
        return _noted(node, claimed, NoticeState.DEAD if last else NoticeState.WAITING, failure.trouble)


def _claimed(node: Node, notice_id: str) -> NoticeRow | None:
    settings, now = node.settings.notices, datetime.now(UTC)
    with node.database.writing() as session:
        query = select(NoticeRow).where(NoticeRow.id == notice_id).with_for_update(skip_locked=True)
        row = session.scalars(query).one_or_none()
        if row is None or row.state != NoticeState.WAITING or row.next_at is None or row.next_at > now:
            return None
        row.attempts += 1
        pause_s = settings.retry_s[min(row.attempts, len(settings.retry_s)) - 1] if settings.retry_s else 0.0
        pause_s = max(pause_s * random.uniform(1, 1 + JITTER), 2 * settings.timeout_s)  # noqa: S311 - no secret
        row.next_at = now + timedelta(seconds=pause_s)
        return row


def _send(node: Node, row: NoticeRow) -> None:
    settings, now = node.settings.notices, datetime.now(UTC)
    name = row.receiver.partition(":")[2]
    if row.receiver.startswith(WEBHOOK):
        for hook in settings.webhooks:
            if hook.name == name:
                return webhook.send(hook, row.id, row.body, now, settings.timeout_s)
    if row.receiver.startswith(MAIL) and settings.mail is not None:
        to = settings.mail.owners if name == OWNERS else _asker(node, name)
        if to:
            return mail.send(settings.mail, to, row.id, row.body, now, settings.timeout_s)
    raise Undelivered("the settings do not name this receiver any more", final=True)


def _asker(node: Node, person_id: str) -> tuple[str, ...]:
    assert node.settings.notices.mail is not None  # noqa: S101 - asked for where there is mail
    with node.database.reading() as session:
        person = session.get(PersonRow, person_id)
    address = node.settings.notices.mail.askers.get(person.name) if person else None
    return (address,) if address else ()


def _noted(node: Node, claimed: NoticeRow, state: NoticeState, trouble: str) -> NoticeState:
    with node.database.writing() as session:
        row = session.get_one(NoticeRow, claimed.id, with_for_update=True)
        if state is not NoticeState.DELIVERED and (row.state, row.attempts) != (claimed.state, claimed.attempts):
            return NoticeState(row.state)  # another process has gone on with it
        row.state, row.trouble = state, trouble
        if state is NoticeState.DELIVERED:
            row.delivered_at = datetime.now(UTC)
        if state is not NoticeState.WAITING:
            row.next_at = None
    return state
