"""Notices are written in the transaction that makes them true: no event without its notices, and none without an event.

A notice holds ids, the kind of wish, what happened, the names that the owner allows, and a link. Never a purpose, a
comment, an amount or a value.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_NOTICE, new_id
from jali.wire.notice import NoticeState
from jali_node.receivers import NoticeSettings
from jali_node.tables import NoticeRow

WEBHOOK, MAIL, OWNERS = "webhook:", "mail:", "owners"


@dataclass(frozen=True)
class Event:
    """What happened to a request or job of somebody's. `names` are all that are known; settings choose among them."""

    kind: str
    about: str
    wish: str
    revision: int
    asker_id: str
    at: datetime
    to_owners: bool
    to_asker: bool
    names: dict[str, str] = field(default_factory=dict)


def post(session: Session, settings: NoticeSettings, node: str, event: Event) -> None:
    """Put an event's notices into the outbox, due at once."""
    body = json.dumps(_body(settings, node, event), ensure_ascii=False, separators=(",", ":"))
    for receiver in _receivers(settings, event):
        session.add(
            NoticeRow(
                id=new_id(PREFIX_NOTICE),
                receiver=receiver,
                event=event.kind,
                about=event.about,
                body=body,
                state=NoticeState.WAITING,
                attempts=0,
                created_at=event.at,
                next_at=event.at,
                trouble="",
            )
        )


def _receivers(settings: NoticeSettings, event: Event) -> Iterator[str]:
    for webhook in settings.webhooks:
        if webhook.events is None or event.kind in webhook.events:
            yield f"{WEBHOOK}{webhook.name}"
    if settings.mail is None:
        return
    if event.to_owners and settings.mail.owners:
        yield f"{MAIL}{OWNERS}"
    if event.to_asker and event.names.get("person") in settings.mail.askers:
        yield f"{MAIL}{event.asker_id}"


def _body(settings: NoticeSettings, node: str, event: Event) -> dict[str, object]:
    data: dict[str, object] = {"id": event.about, "kind": event.wish, "revision": event.revision, "node": node}
    data |= {name: event.names[name] for name in settings.names if name in event.names}
    if settings.portal is not None:
        data["link"] = f"{settings.portal.rstrip('/')}/request?id={event.about}"
    return {"type": event.kind, "timestamp": event.at.isoformat().replace("+00:00", "Z"), "data": data}
