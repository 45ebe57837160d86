"""How many rows there are."""

from typing import Literal

from jali.wire.statistics.ask import Ask


class Count(Ask):
    """The number of rows."""

    kind: Literal["count"] = "count"

    @property
    def reads(self) -> tuple[str, ...]:
        """No column."""
        return ()

    def describe(self) -> str:
        """Say what is asked."""
        return "number of rows"
