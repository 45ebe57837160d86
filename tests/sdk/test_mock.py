from typing import Any

import pandas as pd
import pytest

from jali import errors
from jali.demo import cohort
from jali.eda import mock
from jali.wire.dataset import Column, ColumnType, UnitKind
from jali.wire.mock import LABELS, MockKind


@pytest.fixture
def clinic(fake: Any) -> Any:
    card = cohort.card()
    people = fake.card.population.model_copy(update={"unit": UnitKind.ENTITY})
    facts = {"columns": card.columns, "entity": card.entity, "max_rows": card.max_rows, "population": people}
    fake.card = fake.card.model_copy(update=facts)
    return fake.node()["visits"]


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 1000])
def test_no_mock_entity_has_more_rows_than_are_read(clinic: Any, n: int) -> None:
    frame = clinic.mock(n, seed=1)
    assert len(frame) == n
    assert n == 0 or frame.groupby("person").size().max() <= cohort.READ
    if n == 1000:
        assert 125 < frame["person"].nunique() <= 250
        assert frame["drug"].nunique() > 10
    assert (frame.dtypes == clinic.dtypes).all()


def test_identifiers_may_be_whole_numbers(clinic: Any, fake: Any) -> None:
    columns = (Column(name="person", type=ColumnType.INTEGER), *fake.card.columns[1:])
    fake.card = fake.card.model_copy(update={"columns": columns})
    frame = fake.node()["visits"].mock(200, seed=2)
    assert frame["person"].dtype == "int64"
    assert frame.groupby("person").size().max() <= cohort.READ


def test_the_owner_s_rows_arrive_with_their_types_and_where_they_come_from(fake: Any, visits: Any) -> None:
    columns = {"age": (1, 2, None), "stay": (1.5, None, 3), "site": ("north", None, "south"), "count": (0, 0, 0)}
    update = {"label": LABELS[MockKind.OWNER], "columns": {**columns, "cost": (None, None, None)}}
    fake.mock = fake.mock.model_copy(update=update)
    frame = visits.mock(kind="owner")
    assert frame.attrs["jali"] == "the owner's own file, outside the promise"
    assert len(frame) == 3
    assert frame["site"].cat.categories.tolist() == ["north", "south", "<east>"]
    assert frame["stay"].tolist()[0] == 1.5
    assert frame["age"].isna().tolist() == [False, False, True]
    assert len(visits.mock(2, kind="owner")) == 2
    assert fake.charged_calls == 0


def test_a_kind_that_there_is_not_is_refused_by_name(fake: Any, visits: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="expected one of public, owner, synthetic; got real"):
        visits.mock(kind="real")
    fake.refuse(f"/v1/datasets/{fake.card.id}/mock", "unknown_resource", "visits has no mock rows", 404)
    with pytest.raises(errors.UnknownResource, match="no mock rows"):
        visits.mock(kind="owner")


def test_public_mock_rows_say_that_they_are_from_the_card(clinic: Any) -> None:
    frame = clinic.mock(10)
    assert frame.attrs["jali"] == mock.LABEL
    assert isinstance(frame, pd.DataFrame)
