"""Words of a purpose are taken out, in all revisions of a wish; what decisions are bound to stays verifiable.

The purpose goes into a wish's digest as a digest of its own, which is kept from here on in the place of its words.
"""

import json
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.money import digest
from jali_node.actions.wishes.subject import Subject
from jali_node.tables import AccessRequestRow, CodeJobRow, JobRow, RevisionRow

PURPOSE_MAX = 4000


def reword_purposes(session: Session, row: Subject, clean: Callable[[str], str]) -> bool:
    """Clean the purpose of a request or job and of its earlier revisions, and say whether that changed any.

    Whoever calls it records that it was done, with an entry for the wish.
    """
    changed = _request(row, clean) if isinstance(row, AccessRequestRow) else _job(row, clean)
    for revision in session.scalars(select(RevisionRow).where(RevisionRow.subject_id == row.id)):
        content = json.loads(revision.content)
        before = content.get("purpose", "")
        after = clean(before)[:PURPOSE_MAX]
        if after != before:
            revision.content = json.dumps({**content, "purpose": after})
            revision.purpose_digest = revision.purpose_digest or digest(before)
            changed = True
    return changed


def purpose(row: Subject) -> str:
    """Return a wish's purpose."""
    if isinstance(row, AccessRequestRow):
        return row.purpose
    return str(json.loads(row.training if isinstance(row, JobRow) else row.form)["purpose"])


def _request(row: AccessRequestRow, clean: Callable[[str], str]) -> bool:
    before = row.purpose
    row.purpose = clean(before)[:PURPOSE_MAX]
    if row.purpose == before:
        return False
    row.purpose_digest = row.purpose_digest or digest(before)
    return True


def _job(row: JobRow | CodeJobRow, clean: Callable[[str], str]) -> bool:
    before = purpose(row)
    after = clean(before)[:PURPOSE_MAX]
    if after == before:
        return False
    told = "training" if isinstance(row, JobRow) else "form"
    said = {**json.loads(getattr(row, told)), "purpose": after}
    setattr(row, told, json.dumps(said, ensure_ascii=False, separators=(",", ":")))
    row.purpose_digest = row.purpose_digest or digest(before)
    return True
