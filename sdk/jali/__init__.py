"""Explore and learn from data that you may not see.

    import jali

    node = jali.connect("https://node.example")
    visits = node["visits"]
    visits.mock(5)                            # free: made-up rows of the same form
    visits.quote["age"].mean(epsilon=0.1)     # free: the price, and how exact the answer would be
    visits["age"].mean(epsilon=0.1)           # charged: differentially private

Names are loaded when they are first used, so that a node which imports `jali.wire` loads neither pandas nor httpx2.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jali.errors import (
        ApprovalRequired,
        BudgetExhausted,
        GrantRequired,
        JaliError,
        NodeUnreachable,
        NotCombinable,
        PartlyAnswered,
        Refused,
    )
    from jali.federation import Federation
    from jali.node import Node, connect
    from jali.owner import Owner

    __version__: str

_HOMES = {
    "ApprovalRequired": "jali.errors",
    "BudgetExhausted": "jali.errors",
    "Federation": "jali.federation",
    "GrantRequired": "jali.errors",
    "JaliError": "jali.errors",
    "Node": "jali.node",
    "NodeUnreachable": "jali.errors",
    "NotCombinable": "jali.errors",
    "Owner": "jali.owner",
    "PartlyAnswered": "jali.errors",
    "Refused": "jali.errors",
    "connect": "jali.node",
}

__all__ = [
    "ApprovalRequired",
    "BudgetExhausted",
    "Federation",
    "GrantRequired",
    "JaliError",
    "Node",
    "NodeUnreachable",
    "NotCombinable",
    "Owner",
    "PartlyAnswered",
    "Refused",
    "__version__",
    "connect",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("jali")
    if name not in _HOMES:
        raise AttributeError(f"module 'jali' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
