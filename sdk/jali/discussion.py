"""What was said about a request, and what has changed in it, as notebooks show them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from jali.eda import markup
from jali.wire.changes import Change, Changes, said
from jali.wire.discussion import Happened, Remark

WORDS = {
    Happened.FILED: "asked",
    Happened.RESUBMITTED: "resubmitted it",
    Happened.COMMENTED: "said",
    Happened.CHANGES_ASKED: "asked for changes",
    Happened.APPROVED_FIRST: "approved it; a second person must",
    Happened.GRANTED: "granted it",
    Happened.DENIED: "denied it",
    Happened.WITHDRAWN: "withdrew it",
    Happened.EXPIRED: "it lapsed, since nobody decided in time",
    Happened.RELEASED: "released its output",
    Happened.DESTROYED: "destroyed its output",
}


class Discussion(Sequence[Remark]):
    """The lines of a discussion, the first first; each is a `Remark` with `happened`, `at`, `person_name`, `text`."""

    def __init__(self, remarks: Sequence[Remark]) -> None:
        self._remarks = tuple(remarks)

    def __getitem__(self, place: Any) -> Any:
        return self._remarks[place]

    def __len__(self) -> int:
        return len(self._remarks)

    def __repr__(self) -> str:
        return "\n".join(self._lines()) or "nothing was said yet"

    def _repr_html_(self) -> str:
        rows = [(f"{at:%d %B, %H:%M} UTC", what, text) for at, what, text in self._told()]
        return markup.card("Discussion", markup.table(("When", "What", "Text"), rows))

    def _lines(self) -> Iterator[str]:
        for at, what, text in self._told():
            yield f"{at:%d %B, %H:%M} UTC  {what}" + (f": {text}" if text else "")

    def _told(self) -> Iterator[tuple[datetime, str, str]]:
        for remark in self._remarks:
            what = " ".join(filter(None, [remark.person_name, WORDS[remark.happened]]))
            yield remark.at, f"{what} (revision {remark.revision})" if remark.revision > 1 else what, remark.text


class ChangeList(Sequence[Change]):
    """What differs between two revisions, field by field; each is a `Change` with `field`, `before`, `after`."""

    def __init__(self, found: Changes) -> None:
        self.before, self.after = found.before, found.after
        self._changes = found.changes

    def __getitem__(self, place: Any) -> Any:
        return self._changes[place]

    def __len__(self) -> int:
        return len(self._changes)

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {change.describe()}" for change in self._changes)])

    def _repr_html_(self) -> str:
        rows = [
            (
                change.field,
                "" if change.what == "added" else said(change.before),
                "" if change.what == "removed" else said(change.after),
            )
            for change in self._changes
        ]
        head = ("Field", f"Revision {self.before}", f"Revision {self.after}")
        return markup.card(self._title(), *([markup.table(head, rows)] if rows else []))

    def _title(self) -> str:
        if self.before == self.after:
            return f"revision {self.after} is the only one"
        many = f"{len(self._changes)} change{'' if len(self._changes) == 1 else 's'}"
        return f"{many} from revision {self.before} to {self.after}"
