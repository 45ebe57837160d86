"""Made-up rows that a node hands out, so that code can be tried on something of the right form."""

from datetime import datetime
from enum import StrEnum

from jali.wire.base import Reply

ROWS_MAX = 10_000
Cell = str | int | float | None


class MockKind(StrEnum):
    """Where made-up rows come from."""

    OWNER = "owner"
    """A file that the owner wrote. It lies outside the promise: nobody but the owner knows how it was made."""
    SYNTHETIC = "synthetic"
    """Drawn from a differentially private release, which was charged."""


LABELS = {
    MockKind.OWNER: "the owner's own file, outside the promise",
    MockKind.SYNTHETIC: "rows drawn from a differentially private release",
}


class MockRows(Reply):
    """Made-up rows, column by column, in the card's order. `label` says where they come from."""

    kind: MockKind
    version: str
    label: str
    columns: dict[str, tuple[Cell, ...]]
    registered_at: datetime
