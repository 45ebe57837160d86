"""What is taken out at the node's own machine, and what its settings are, is recorded as everything else is."""

import hashlib
import hmac
import json
import logging
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, SecretStr
from sqlalchemy import select

from jali.wire.money import canonical, exact_text
from jali_node import audit, keys
from jali_node.errors import ClockBehind, LedgerIncomplete
from jali_node.node import Node
from jali_node.settings import Settings
from jali_node.tables import EntryRow

log = logging.getLogger(__name__)
DIGITS = 32


def note_taken(node: Node, kind: str, **body: Any) -> None:
    """Record what is taken out at the machine, where the chain can grow; a node that was restored is still read."""
    with suppress(LedgerIncomplete, ClockBehind), node.database.writing() as session:
        audit.record(session, kind, by=None, **body)


def note_settings(node: Node) -> None:
    """Record which settings differ from those that the node last served with, without what they are.

    Their digests are keyed with the node's own key: nobody else can guess a name, a port or a password by them.
    """
    key = keys.private(keys.load(node.settings.key_path))
    found = digests(node.settings, key)
    newest = select(EntryRow.body).where(EntryRow.kind == audit.SETTINGS_CHANGED).order_by(EntryRow.seq.desc()).limit(1)
    with suppress(LedgerIncomplete, ClockBehind), node.database.writing() as session:
        text = session.scalars(newest).first()
        before = json.loads(text)["digests"] if text else digests(_untouched(node.settings), key)
        changed = sorted(name for name in {**before, **found} if before.get(name) != found.get(name))
        if changed or text is None:
            audit.record(session, audit.SETTINGS_CHANGED, changed=changed, digests=found, by=None)


def digests(settings: Settings, key: bytes) -> dict[str, str]:
    """Return a digest of each setting that says nothing to whoever lacks the key."""
    return {name: _digest(name, value, key) for name, value in settings if name != "folder"}


def _digest(name: str, value: Any, key: bytes) -> str:
    told = canonical({name: exact_text(_plain(value))})
    return hmac.new(key, told, hashlib.sha256).hexdigest()[:DIGITS]


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: _plain(item) for name, item in value}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _untouched(settings: Settings) -> Settings:
    """Return the settings of a node whose owner has set nothing."""
    return Settings.model_construct(folder=settings.folder)
