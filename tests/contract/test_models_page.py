"""The page on models names every kind of layer, every loss and every model of the shelf, and no others."""

import re
from pathlib import Path

from jali.training import columns, shelf
from jali.wire.graph import KINDS, NODES_MAX, OPERATIONS_MAX, PARAMETERS_MAX, SIZE_MAX, VALUES_MAX

DOCS = Path(__file__).parents[2] / "docs"
MODELS = (DOCS / "reference" / "models.md").read_text()
TRAIN = (DOCS / "how-to" / "train.md").read_text()


def test_the_page_names_every_kind_and_no_other() -> None:
    table = MODELS.split("| --- | --- | --- |")[1].split("\n\n")[0]
    first = [line.split("|")[1] for line in table.strip().splitlines()]
    named = set(re.findall(r"`([a-z0-9_]+)`", " ".join(first)))
    assert named == {kind.model_fields["kind"].default for kind in KINDS}


def test_the_page_states_the_limits_that_hold() -> None:
    assert f"{NODES_MAX} layers, {PARAMETERS_MAX // 10**6} million parameters, {SIZE_MAX:,} places" in MODELS
    assert f"{VALUES_MAX // 10**6} million numbers a row" in MODELS
    assert OPERATIONS_MAX == 10**9


def test_the_page_on_training_names_each_way_and_target() -> None:
    assert {name for name in columns.__all__ if f"{name}(column=" not in TRAIN} == {"Threshold"}
    assert [name for name in shelf.__all__ if name not in TRAIN] == []
