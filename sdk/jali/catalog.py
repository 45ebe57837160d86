"""What a node has to offer."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from jali.eda import markup
from jali.wire.dataset import Dataset


@dataclass(frozen=True, repr=False)
class Catalog:
    """The datasets that a node shows, by name. Iterating gives the names."""

    node: str
    cards: tuple[Dataset, ...]

    @property
    def names(self) -> list[str]:
        """The datasets' names."""
        return [card.name for card in self.cards]

    def to_pandas(self) -> pd.DataFrame:
        """Return one line a dataset: title, population, the owner's public figure for its size, columns."""
        lines = {
            "title": [card.title for card in self.cards],
            "population": [card.population.name for card in self.cards],
            "units": [card.population.units for card in self.cards],
            "columns": [len(card.columns) for card in self.cards],
        }
        return pd.DataFrame(lines, index=pd.Index(self.names, name="dataset"))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.cards)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __repr__(self) -> str:
        shown = self.to_pandas().to_string(max_colwidth=60) if self.cards else "none that you may see"
        return f"datasets at {self.node}\n{shown}"

    def _repr_html_(self) -> str:
        lines = [(c.name, c.title, c.population.name, f"{c.population.units:,}", len(c.columns)) for c in self.cards]
        head = ["dataset", "title", "population", "about", "columns"]
        return markup.card(f"datasets at {self.node}", markup.table(head, lines))
