"""One question: a statistic of one dataset, at one price, for one project."""

from typing import Annotated

from pydantic import Field

from jali.wire.base import Request
from jali.wire.money import Epsilon, digest
from jali.wire.statistics import Statistic

Id = Annotated[str, Field(min_length=4, max_length=64, pattern=r"^[a-z]+_[0-9a-f]+$")]


class Query(Request):
    """What is asked, and the stand-alone price that the asker is ready to pay."""

    dataset: Id
    project: Id
    statistic: Statistic
    epsilon: Epsilon

    @property
    def statistic_digest(self) -> str:
        """The same for questions that one release answers, whatever their price."""
        return digest(self.statistic.measured)
