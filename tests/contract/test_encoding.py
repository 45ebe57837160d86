"""Bytes that are hashed and amounts that are charged: one encoding, exact, the same everywhere."""

import hashlib
import json
import time
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jali.wire import ids
from jali.wire.money import DELTA_UNITS, EPSILON_UNITS, canonical, digest, exact_text, from_fixed, to_fixed

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_canonical_json_reads_back_as_what_was_written(value: Any) -> None:
    assert json.loads(canonical(value)) == value
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.dictionaries(TEXT, st.integers(), max_size=6))
def test_the_order_in_which_keys_were_written_does_not_count(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical(value) == canonical(backwards)
    assert digest(value) == digest(backwards)


def test_canonical_json_has_no_spaces_and_is_utf8() -> None:
    assert canonical({"ü": "→", "a": [1, None, True]}) == '{"a":[1,null,true],"ü":"→"}'.encode()


@pytest.mark.parametrize("value", [1.0, float("nan"), [1, [2.5]], {"a": {"b": 0.1}}, ({"a": 0.0},)])
def test_floats_are_refused_wherever_they_hide(value: Any) -> None:
    with pytest.raises(TypeError, match="no floats"):
        canonical(value)


@pytest.mark.parametrize("value", [{1: "a"}, {None: 1}, {"a": {2: "b"}}, [{True: 1}]])
def test_keys_that_are_not_text_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="text keys"):
        canonical(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_in_a_digest_counts_by_its_shortest_exact_text(value: float) -> None:
    assert exact_text(value) == repr(value)
    assert float(exact_text(value)) == value
    assert digest({"a": value}) == hashlib.sha256(canonical({"a": repr(value)})).hexdigest()


@pytest.mark.parametrize(
    ("epsilon", "units"),
    [(0.1, 100_000_000_000), (0.3, 300_000_000_000), (1.0, 10**12), (1e-12, 1), (9.99e-13, 0), (1000.0, 10**15)],
)
def test_the_decimal_that_was_written_is_what_counts(epsilon: float, units: int) -> None:
    """0.1 as a double is a little more than 0.1, and 0.3 a little less: neither shows."""
    assert to_fixed(epsilon) == units


def test_three_tenths_are_three_times_a_tenth() -> None:
    assert to_fixed(0.1) * 3 == to_fixed(0.3)
    assert 0.1 * 3 != 0.3


@given(st.floats(0, 1000))
def test_fixed_amounts_are_rounded_down_and_by_less_than_one_unit(epsilon: float) -> None:
    exact = Decimal(repr(epsilon)) * EPSILON_UNITS
    assert to_fixed(epsilon) <= exact < to_fixed(epsilon) + 1


@given(st.integers(0, 10**15))
def test_amounts_of_up_to_fifteen_digits_survive_the_way_through_a_float(amount: int) -> None:
    assert to_fixed(from_fixed(amount)) == amount


@pytest.mark.parametrize("delta", [1e-6, 1e-9, 3.3e-7, 1e-15])
def test_deltas_are_whole_numbers_of_their_unit(delta: float) -> None:
    assert Decimal(to_fixed(delta, DELTA_UNITS)) == Decimal(repr(delta)) * DELTA_UNITS
    assert from_fixed(to_fixed(delta, DELTA_UNITS), DELTA_UNITS) == delta


def test_ids_are_version_7_uuids_of_now_behind_their_prefix() -> None:
    before = time.time_ns() // 1_000_000
    prefix, number = ids.new_id(ids.PREFIX_RELEASE).split("_")
    made = uuid.UUID(hex=number)
    assert (prefix, made.version, made.variant) == ("rel", 7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for moment in range(0, 3_000_000_000_000, 77_777_777_777):
        monkeypatch.setattr(ids.time, "time_ns", lambda moment=moment: moment * 1_000_000)
        made.append(ids.new_id("rel"))
    assert len(made) > 30
    assert made == sorted(made)


def test_ids_of_one_moment_differ_in_74_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of 1000 are equal with probability below 1e-16; each random bit is constant with probability 2^-999."""
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_700_000_000_000_000_000)
    made = [ids.uuid7().int for _ in range(1000)]
    assert len(set(made)) == len(made)
    ever, always = 0, ~0
    for number in made:
        ever, always = ever | number, always & number
    assert bin((ever & ~always) & ((1 << 80) - 1)).count("1") == 74
    assert {number >> 80 for number in made} == {1_700_000_000_000}


def test_every_prefix_is_its_own() -> None:
    prefixes = [value for name, value in vars(ids).items() if name.startswith("PREFIX_")]
    assert len(prefixes) >= 12
    assert len(set(prefixes)) == len(prefixes)
