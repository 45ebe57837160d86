"""A dataset version in another engine: a table or view there, under the owner's word that it does not change."""

from dataclasses import dataclass

from jali.wire.dataset import Column
from jali_node.errors import InvalidRequest

POSTGRESQL, SPARK = "postgresql", "spark"


@dataclass(frozen=True)
class Link:
    """Where a table is: the engine, the owner's name for the source, the table's own name, and which state of it.

    `snapshot` is what the owner calls that state. Whether the table still is what it was cannot be seen from here: a
    source that changes is given as a view of one state.
    """

    engine: str
    source: str
    table: str
    snapshot: str


@dataclass(frozen=True)
class Linked:
    """One dataset version in another engine."""

    version: str
    link: Link
    columns: tuple[Column, ...]

    def refuse_if_changed(self) -> None:
        """Do nothing: a change cannot be seen from here; see `Link`."""


def refuse_unfitting(found: dict[str, str], columns: tuple[Column, ...], fitting: dict[str, tuple[str, ...]]) -> None:
    """Raise InvalidRequest where a declared column is not there, or has a type whose values might not fit.

    Args:
        found: the physical types by name.
        columns: the card's.
        fitting: the physical types that always fit a declared one.
    """
    for column in columns:
        physical, field = found.get(column.name), f"columns.{column.name}"
        if physical is None:
            raise InvalidRequest(f"the card declares column {column.name}, which the table does not have", field=field)
        if physical not in fitting[column.type]:
            raise InvalidRequest(
                f"column {column.name} is {physical} there and declared {column.type}; expected one of "
                f"{', '.join(fitting[column.type])}: cast it in a view",
                field=field,
            )
