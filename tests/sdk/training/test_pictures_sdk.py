"""A table of pictures, from its card to a model that has learned from them."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.sdk.training.test_job import at_work

from jali import errors
from jali.training import card, shelf
from jali.training import columns as shown
from jali.training.card import Origin
from jali_node.actions.datasets.register_dataset import read_card, register_dataset
from jali_node.errors import InvalidRequest
from jali_portal.viewmodels import training as view

CARD = """
name = "scans"
title = "Scans"
population = "people"

[columns.ill]
type = "integer"
lower = 0
upper = 1

[pictures.scan]
meaning = "of the left hand"
height = 8
width = 8

[pictures.heat]
height = 8
width = 8
encoded = false
"""


def a_scan(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def house(build_house: Any) -> Any:
    house = build_house(cap=40.0)
    random = np.random.default_rng(0)
    ill, grain = random.random(300) < 0.5, random.integers(0, 100, (300, 8, 8))
    heat = [np.full(64, 200 if one else 50).tolist() for one in ill]
    table = pd.DataFrame(
        {"ill": ill.astype(int), "scan": [a_scan(one) for one in grain + 150 * ill[:, None, None]], "heat": heat}
    )
    table.to_parquet(house.folder / "scans.parquet")
    (house.folder / "scans.toml").write_text(CARD)
    register_dataset(house.node, house.folder / "scans.parquet", read_card(house.folder / "scans.toml"))
    return house


def test_a_network_reads_pictures_in_the_form_that_their_card_gives_them(house: Any) -> None:
    ds = house.sdk()["scans"]
    wish = {"target": "ill", "features": ["scan"], "epsilon": 20.0, "batch": 100, "epochs": 6, "held_out": 0.4}
    job = ds.train(shelf.SmallCnn((1, 8, 8)), learning_rate=1.0, **wish)
    assert "train a model of 5,025 parameters on the pixels of scan" in job.record.training.describe()
    assert dict(view.page(job.record, datetime.now(UTC), UTC).reads)["From"] == "the pixels of scan"
    text = card.card(job.record.training, {"a": Origin("node_1", job.record, ds.card, [])})
    assert "the pixels of scan`: pictures of 8 by 8 grey pixels, from 0 to 1, 1, 8, 8" in text
    with at_work(house):
        job.wait(timeout_s=300)
    assert job.metrics is not None
    assert job.metrics.accuracy > 0.8, job.metrics.describe()
    again = job.retry(shelf.SmallCnn((1, 8, 8)))
    assert again.record.training.graph == job.retry(shelf.SmallCnn((1, 8, 8)), shape=(1, 8, 8)).record.training.graph
    flat = ds.training_quote(shelf.LogisticRegression(128), target="ill", features=["scan", "heat"], epsilon=1.0)
    assert "the pixels of scan, the pixels of heat" in repr(flat)
    assert ds.feature_names(["heat", "scan"])[63:65] == ("heat[0,7,7]", "scan[0,0,0]")


def test_a_mistake_in_a_card_is_named_as_its_author_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(CARD.replace("height = 8", "height = 0", 1))
    with pytest.raises(InvalidRequest) as refused:
        read_card(tmp_path / "card.toml")
    assert refused.value.field == "pictures.scan.height"


def test_no_statistic_is_asked_of_a_picture_and_its_mock_rows_are_pictures(house: Any) -> None:
    ds = house.sdk()["scans"]
    assert "pictures of 8 by 8 grey pixels" in repr(ds)
    assert "of the left hand" in repr(ds)
    with pytest.raises(errors.WrongColumnType, match=r"scan holds pictures of 8 by 8 grey pixels: no statistic"):
        ds["scan"]
    with pytest.raises(errors.WrongColumnType, match="no statistic is asked of them"):
        ds.profile(columns=["scan"], epsilon=0.1)
    rows = ds.mock(3)
    assert list(rows.columns) == ["ill", "scan", "heat"]
    assert Image.open(io.BytesIO(rows["scan"][0])).size == (8, 8)
    assert len(rows["heat"][0]) == 64
    assert str(ds.dtypes["scan"]) == "object"
    with pytest.raises(errors.WrongColumnType, match="they are shown as pixels"):
        ds.feature_names([shown.Scaled(column="scan")])
    with pytest.raises(errors.JaliError, match="scan"):
        ds.train(shelf.LogisticRegression(1), target="scan", features=["ill"], epsilon=1.0)
