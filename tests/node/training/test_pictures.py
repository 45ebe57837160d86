"""Pictures become numbers by public facts and their own content, whatever a column holds in their place."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from jali.wire.dataset import Card, Column, Picture
from jali.wire.graph import Graph
from jali.wire.targets import Threshold
from jali_node.engine.bounded import Bound
from jali_node.engine.warehouse import Warehouse
from jali_node.errors import InvalidRequest
from jali_node.sandbox import round
from jali_node.sandbox.limits import Limits
from jali_node.training import parts, pictures, weights
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Reading

AGE = Column.model_validate({"name": "age", "type": "integer", "lower": 0, "upper": 100})
SCAN = Picture(name="scan", height=3, width=4)
PHOTO = Picture(name="photo", height=2, width=2, channels=3)
CELLS = Picture(name="cells", height=2, width=3, encoded=False, lower=0.0, upper=10.0)
PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
READING = Reading((SCAN, AGE, CELLS, PHOTO), AGE, Threshold(column="age", at_least=50.0))


def file_of(pixels: Any, kind: str = "PNG", mode: str | None = None) -> bytes:
    file, picture = io.BytesIO(), Image.fromarray(np.asarray(pixels, dtype=np.uint8))
    (picture.convert(mode) if mode else picture).save(file, kind)
    return file.getvalue()


BOMB = file_of(np.zeros((1, 9000)))
TABLE = {
    "age": [10, 60, 70, None],
    "scan": [file_of(PIXELS), file_of(PIXELS.repeat(2, 0).repeat(2, 1)), b"no picture", None],
    "photo": [file_of(np.zeros((2, 2, 3))), file_of(PIXELS[:2, :2], "JPEG"), BOMB, b""],
    "cells": [[0.0, 1.0, 2.0, 3.0, 4.0, 20.0], [1.0], None, [5.0, float("nan"), -3.0, 5.0, 10.0, 0.0]],
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Any:
    made = Warehouse(tmp_path, "1GB", 2)
    yield made
    made.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    pd.DataFrame(TABLE).to_parquet(path)
    return path


def test_pictures_of_files_and_lists_become_features_between_the_others(warehouse: Warehouse, table: Path) -> None:
    snapshot = warehouse.register("ver_1", table, (AGE,), pictures=(SCAN, PHOTO, CELLS))
    sent = READING.rows(warehouse.rows(snapshot, READING.columns))
    assert sent.features.shape == (4, 1 + 6), "files are not decoded where the node's secrets are"
    found = sent.decoded().features
    assert found.shape == (4, READING.width) == (4, 12 + 1 + 6 + 12)
    scan, age, cells, photo = found[:, :12], found[:, 12], found[:, 13:19], found[:, 19:]
    assert np.allclose(scan[0], PIXELS.reshape(-1) / 255, atol=1e-6)
    assert np.allclose(scan[1].reshape(3, 4), PIXELS / 255, atol=0.1), "another size is laid onto the declared one"
    assert not scan[2:].any()
    assert np.allclose(age, [-0.8, 0.2, 0.4, 0.0])
    assert np.allclose(cells, [[0, 0.1, 0.2, 0.3, 0.4, 1], [0] * 6, [0] * 6, [0.5, 0, 0, 0.5, 1, 0]])
    assert np.allclose(photo[1, :4], photo[1, 4:8], atol=0.05), "grey is as red as it is green"
    assert not photo[[0, 2, 3]].any(), "black, a huge picture in a small file, and none"


def test_a_colour_comes_after_the_other_as_a_model_of_channels_height_and_width_reads_it() -> None:
    red = np.zeros((2, 2, 3))
    red[0, 1, 0] = 255
    assert pictures.pixels(file_of(red), PHOTO.shape).reshape(PHOTO.shape)[0].tolist() == [[0, 1], [0, 0]]
    lists = Picture(name="x", height=2, width=2, channels=3, encoded=False)
    (found,) = pictures.laid_out(lists, [red.reshape(-1).tolist()])
    assert found.reshape(lists.shape)[0].tolist() == [[0, 1], [0, 0]]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([0, 8, 20, 40, 10_000]))
def test_whatever_bytes_stand_in_a_column_are_a_picture_or_zeros(noise: bytes, keep: int) -> None:
    for whole in (file_of(PIXELS), file_of(PIXELS, "JPEG"), file_of(PIXELS, "PNG", "P")):
        found = pictures.pixels(whole[:keep] + noise, SCAN.shape)
        assert found.shape == (12,)
        assert found.dtype == np.float32
        assert ((found >= 0) & (found <= 1)).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.lists(st.floats(width=32), max_size=8)), max_size=4))
def test_whatever_numbers_stand_in_a_column_are_pixels_from_0_to_1(values: list[Any]) -> None:
    found = pictures.laid_out(CELLS, values)
    assert found.shape == (len(values), 6)
    assert ((found >= 0) & (found <= 1)).all()


def test_a_column_of_another_kind_is_a_column_of_missing_pictures(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pd.DataFrame({"age": [1], "scan": [3.5], "photo": [[1, 2]], "cells": ["text"]}).to_parquet(path)
    snapshot = warehouse.register("ver_2", path, (AGE,), pictures=(SCAN, PHOTO, CELLS))
    found = READING.rows(warehouse.rows(snapshot, READING.columns)).decoded().features
    assert not np.delete(found, 12, 1).any()


def test_a_cell_decodes_them_behind_its_walls_and_learns_from_them(warehouse: Warehouse, tmp_path: Path) -> None:
    """Of bright and dark pictures, with next to no noise, it learns which are which."""
    bright = np.random.default_rng(0).random(200) < 0.5
    path, limits = tmp_path / "many.parquet", Limits(wall_s=120.0)
    files = [file_of(np.full((3, 4), 255 if one else 0), "JPEG") for one in bright]
    pd.DataFrame({"age": np.where(bright, 60, 10), "scan": files}).to_parquet(path)
    snapshot = warehouse.register("ver_3", path, (AGE,), pictures=(SCAN,))
    reading = Reading((SCAN,), AGE, Threshold(column="age", at_least=50.0))
    rows = reading.rows(warehouse.rows(snapshot, reading.columns))
    nodes = [{"id": "n0", "kind": "linear", "inputs": ["input"], "in_features": 12, "out_features": 1}]
    graph = Graph.model_validate({"features": 12, "nodes": nodes, "output": "n0"})
    begin = safetensors.numpy.save({"n0.weight": np.zeros((1, 12), np.float32), "n0.bias": np.zeros(1, np.float32)})
    plan = TrainingPlan(10**12, 1, 60, 1.0, 200.0, 1.0, 2.0, 1e-3)
    learned = weights.read(graph, round.run_round(graph, begin, plan, rows, limits))
    assert float(learned["n0.bias"]) < -0.5 < 0.5 < float(learned["n0.weight"].sum() + learned["n0.bias"])
    count, right, _ = round.measure(
        graph, safetensors.numpy.save({k: v.numpy() for k, v in learned.items()}), plan, rows, limits
    )
    assert right == count // 2, "all of them right"


def test_the_rows_of_an_entity_that_are_read_follow_from_its_own_pictures(warehouse: Warehouse, tmp_path: Path) -> None:
    files = [file_of(np.full((3, 4), shade)) for shade in (1, 2, 3)]
    who, scans = ["a"] * 3 + ["b"] * 3, files + files
    found = []
    for name, order in (("there", [0, 1, 2, 3, 4, 5]), ("back", [5, 4, 3, 2, 1, 0]), ("alone", [2, 0, 1])):
        path = tmp_path / f"{name}.parquet"
        pd.DataFrame({"who": [who[i] for i in order], "scan": [scans[i] for i in order]}).to_parquet(path)
        column = Column.model_validate({"name": "who", "type": "text"})
        snapshot = warehouse.register(f"ver_{name}", path, (column,), Bound("who", 1, b"k" * 32), (SCAN,))
        values, whose = warehouse.rows_of_entities(snapshot, (SCAN,), "who")
        found.append(dict(zip(whose.tolist(), values["scan"].tolist(), strict=True))["a"])
    assert found[0] == found[1] == found[2]


def test_rows_that_differ_in_their_picture_alone_may_fall_on_either_side() -> None:
    files = np.array([file_of(np.full((3, 4), shade)) for shade in range(200)], dtype=object)
    same = np.zeros(200)
    aside = parts.held_out([same, files], 0.5, b"k" * 32)
    assert 60 < aside.sum() < 140, "the chance of anything else is below 1e-7"
    assert (aside == parts.held_out([same, files], 0.5, b"k" * 32)).all()


def test_what_holds_no_pictures_is_refused_with_the_field(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("age,scan\n1,x\n")
    with pytest.raises(InvalidRequest, match="a CSV file holds no pictures, and the card declares 1"):
        warehouse.register("ver_4", path, (AGE,), pictures=(SCAN,))
    other = tmp_path / "lacks.parquet"
    pd.DataFrame({"age": [1]}).to_parquet(other)
    with pytest.raises(InvalidRequest, match="declares column scan"):
        warehouse.register("ver_5", other, (AGE,), pictures=(SCAN,))


def test_a_card_without_pictures_is_what_it_was() -> None:
    card = {"name": "visits", "title": "Visits", "population": "people", "columns": [AGE.model_dump()]}
    assert "pictures" not in Card.model_validate(card).model_dump(mode="json")
    assert Card.model_validate(card | {"pictures": [SCAN.model_dump()]}).pictures == (SCAN,)
    for spoiled, said in (
        ({"name": "age", "height": 3, "width": 3}, "age is declared twice"),
        ({"name": "scan", "height": 64, "width": 64, "channels": 3}, "at most 8,192 numbers, got 12,288"),
        ({"name": "scan", "height": 3, "width": 3, "lower": 5, "upper": 5}, "expected lower < upper, got 5 and 5"),
    ):
        with pytest.raises(ValidationError, match=said):
            Card.model_validate(card | {"pictures": [spoiled]})
