"""Which population a table belongs to, and what a wrong answer breaks: said whenever a table is registered."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.money import from_fixed
from jali_node.node import Node
from jali_node.store import catalog
from jali_node.tables import AccountRow, DatasetRow, PopulationRow


@dataclass(frozen=True)
class Known:
    """A population, its cap, and the tables that are registered about it."""

    name: str
    unit: str
    units: int
    epsilon: float
    tables: tuple[str, ...]

    def __str__(self) -> str:
        tables = ", ".join(self.tables) or "no table as yet"
        return f"{self.name}: {self.units:,} units ({self.unit}), epsilon {self.epsilon:g}; {tables}"


def known_populations(node: Node) -> list[Known]:
    """Return every population by name."""
    with node.database.reading() as session:
        return [_known(session, row) for row in session.scalars(select(PopulationRow).order_by(PopulationRow.name))]


def belonging(node: Node, name: str) -> str:
    """Say whose budget the table of a name spends from, with which others, and what breaks if that is wrong."""
    with node.database.reading() as session:
        own = _known(session, catalog.named(session, name).population)
    sharing = ", ".join(table for table in own.tables if table != name)
    others = [known.name for known in known_populations(node) if known.name != own.name]
    lines = [
        f"It is about population {own.name}, and spends from its account of epsilon {own.epsilon:g}"
        + (f" together with {sharing}." if sharing else "; no other table does."),
    ]
    if others:
        lines.append(
            f"If its people are also in {', '.join(others)}: the promises to them add up, and none of the caps is true."
        )
    if sharing:
        lines.append(f"If none of its people are in {sharing}: nobody is harmed, but each spends what the other needs.")
    lines.append("Its versions stay with this population: another one means another name for the table.")
    return "\n".join(lines)


def _known(session: Session, row: PopulationRow) -> Known:
    tables = session.scalars(
        select(DatasetRow.name).where(DatasetRow.population_id == row.id).order_by(DatasetRow.name)
    )
    cap = session.get_one(AccountRow, row.account_id).cap
    return Known(row.name, row.unit, row.units, from_fixed(cap), tuple(tables))
