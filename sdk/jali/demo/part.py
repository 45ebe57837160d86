"""A table of the demo, and what its owner says of it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jali.wire.dataset import Card


@dataclass(frozen=True)
class Part:
    """One owner: their name, their rows under their public card, and their public figure for how many units there are.

    `rows` lie at the owner's node; `held_back` do not, and are what the demo tests a model on.
    """

    name: str
    folder: str
    rows: pd.DataFrame
    held_back: pd.DataFrame
    units: int
    suffix: str
    card: str
    unit: str = "row"

    @property
    def public(self) -> Card:
        """The card as a node reads it."""
        return read(self.card)

    def write(self, folder: Path) -> Path:
        """Write the rows to a file of the owner's own kind."""
        path = folder / f"{self.public.name}{self.suffix}"
        if self.suffix == ".csv":
            self.rows.to_csv(path, index=False)
        else:
            import duckdb

            with duckdb.connect() as connection:  # of its own: owners are furnished side by side
                connection.from_df(self.rows).write_parquet(str(path))
        return path


def read(text: str) -> Card:
    """Return a card from its TOML, as a node reads it."""
    content = tomllib.loads(text)
    columns = [{"name": name, **facts} for name, facts in content["columns"].items()]
    return Card.model_validate({**content, "columns": columns})
