"""A running node: its identity, settings, database and engines. Actions take it; only `app` makes it."""

from dataclasses import dataclass, field

from jali_node.departure import Departures
from jali_node.engine.engines import Engines
from jali_node.engine.warehouse import Snapshot, Warehouse
from jali_node.ledger.witness import Witness
from jali_node.repeats import Repeats
from jali_node.settings import Settings
from jali_node.store.database import Database
from jali_node.turnstile import Turnstile


@dataclass(frozen=True)
class Node:
    """What an action needs to act."""

    node_id: str
    settings: Settings
    database: Database
    engines: Engines
    witness: Witness
    turnstile: Turnstile = field(default_factory=Turnstile)
    departures: Departures = field(default_factory=Departures)
    repeats: Repeats = field(default_factory=Repeats)
    twins: dict[str, Snapshot] = field(default_factory=dict)

    @property
    def warehouse(self) -> Warehouse:
        """The embedded engine, for files."""
        return self.engines.duckdb

    def close(self) -> None:
        """Let go of files and connections."""
        self.engines.close()
        self.database.close()
