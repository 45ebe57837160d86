"""How far an answer is from the exact one."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

COLUMNS = ("mean", "std", "quantiles", "histogram")
Answer = Mapping[str, Any]


def median_errors(answers: Sequence[Answer], exact: Answer) -> dict[str, float]:
    """Return each statistic's median relative error over columns and answers.

    A histogram's is the sum of its bins' errors over the number of rows.
    """
    return {name: median(error for answer in answers for error in _errors(name, answer, exact)) for name in COLUMNS}


def _errors(name: str, answer: Answer, exact: Answer) -> Iterable[float]:
    for column, true in exact[name].items():
        found = answer[name][column]
        if name == "histogram":
            yield sum(abs(a - b) for a, b in zip(found, true, strict=True)) / exact["count"]
        elif name == "quantiles":
            yield from (abs(a / b - 1) for a, b in zip(found, true, strict=True))
        else:
            yield abs(found / true - 1)
