"""Dates, ages and amounts in words."""

from datetime import datetime, timedelta, tzinfo


def moment(at: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a moment as people say it, in their own zone.

    >>> from datetime import UTC
    >>> moment(datetime(2026, 3, 1, 9, 5, tzinfo=UTC), datetime(2026, 3, 1, 17, tzinfo=UTC), UTC)
    'today at 09:05'
    """
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    clock = f"{local:%H:%M}"
    if local.date() == today:
        return f"today at {clock}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday at {clock}"
    return f"{day(at, zone)}, {clock}"


def day(at: datetime, zone: tzinfo) -> str:
    """Return a day, such as 3 March 2026."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y}"


def age(since: datetime, now: datetime) -> str:
    """Return how long ago something was.

    >>> age(datetime(2026, 3, 1), datetime(2026, 3, 3, 5))
    '2 days'
    """
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return counted(minutes, "minute")
    if minutes < 48 * 60:
        return counted(minutes // 60, "hour")
    return counted(minutes // (24 * 60), "day")


def due(by: datetime, now: datetime) -> str:
    """Return how a target stands.

    >>> due(datetime(2026, 3, 5), datetime(2026, 3, 1)), due(datetime(2026, 3, 1), datetime(2026, 3, 4))
    ('is due in 4 days', 'is 3 days overdue')
    """
    return f"is due in {age(now, by)}" if now <= by else f"is {age(by, now)} overdue"


def epsilon(amount: float) -> str:
    """Return an amount with three digits; its space does not break.

    >>> epsilon(0.12345).split()
    ['ε', '0.123']
    """
    return f"ε\u00a0{amount:.3g}"


def share(part: float) -> str:
    """Return a share in percent.

    >>> [share(part).split() for part in (0.974, 0.004, 0.996)]
    [['97', '%'], ['under', '1', '%'], ['over', '99', '%']]
    """
    if 0 < part < 0.01:
        return "under 1\u00a0%"
    if 0.99 < part < 1:
        return "over 99\u00a0%"
    return f"{part:.0%}".replace("%", "\u00a0%")


def small(amount: float) -> str:
    """Return a small number such as a delta.

    >>> small(1e-6), small(0.0002)
    ('1 in 1,000,000', '1 in 5,000')
    """
    return f"1 in {round(1 / amount):,}" if amount > 0 else "0"


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Return names as a phrase.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([*filter(None, [", ".join(names[:-1])]), *names[-1:]])


def number(amount: float) -> str:
    """Return a bound as a dictionary prints it: no trailing zeros, thousands apart."""
    return f"{amount:,.0f}" if float(amount).is_integer() and abs(amount) < 1e15 else f"{amount:,.6g}"


def counted(count: int, noun: str) -> str:
    """Return a count and its noun.

    >>> counted(1, "request"), counted(2000, "request")
    ('1 request', '2,000 requests')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
