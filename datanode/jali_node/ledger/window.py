"""Windows: the period that an account's cap is for, where an owner has chosen that it refreshes.

Windows follow each other without gaps, each as many days long; one in which nothing happens is passed over. A window
never begins earlier than the one before it: a clock that is set back ends none.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from jali.wire import budget

DAYS_MAX = 3650


@dataclass(frozen=True)
class Window:
    """The present one: `days` long since `since`, the `number`th that was opened. Without days it is the last."""

    days: int | None
    since: datetime
    number: int = 1

    @property
    def until(self) -> datetime | None:
        """When the next one begins."""
        return None if self.days is None else self.since + timedelta(days=self.days)

    def over(self, now: datetime) -> bool:
        """Say whether it has ended."""
        return self.until is not None and now >= self.until

    def at(self, now: datetime) -> "Window":
        """Return the window that a moment lies in: this one until it has ended.

        >>> from datetime import UTC
        >>> first = Window(7, datetime(2026, 1, 1, tzinfo=UTC))
        >>> later = first.at(datetime(2026, 1, 30, tzinfo=UTC))
        >>> f"{later.since:%Y-%m-%d} {later.number}"
        '2026-01-29 2'
        """
        if self.days is None or not self.over(now):
            return self
        length = timedelta(days=self.days)
        return replace(self, since=self.since + (now - self.since) // length * length, number=self.number + 1)

    def chosen(self, days: int | None, now: datetime) -> "Window":
        """Return the window with another period from now on: what is spent stays spent, nothing refreshes earlier."""
        return replace(self, days=days, since=max(self.since, now))

    def record(self) -> dict[str, Any]:
        """Return it as the chain keeps it."""
        return {"days": self.days, "since": self.since.isoformat(), "number": self.number}

    @classmethod
    def read(cls, record: dict[str, Any] | None) -> "Window | None":
        """Return a window from the chain."""
        if record is None:
            return None
        return cls(record["days"], datetime.fromisoformat(record["since"]), record["number"])

    def shown(self) -> budget.Window | None:
        """Return it as people read it; an account that has never refreshed, and never will, is like any other."""
        if self.days is None and self.number == 1:
            return None
        return budget.Window(days=self.days, since=self.since, until=self.until, number=self.number)
