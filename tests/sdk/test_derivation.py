"""Measurements that follow from others have the values and the noise that are stated."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats

from jali.estimates import derivation, tree
from jali.wire.release import Noised

ANSWERS = 800


def noised(values: list[int], stddev: float = 0.0) -> Noised:
    return Noised(values=tuple(values), noise_stddev=stddev)


def held(leaves: list[int], missing: int = 0) -> dict[str, Noised]:
    """Return the exact tree and counts of a column."""
    nodes = tree.nodes(np.array(leaves, dtype=np.int64))
    return {"tree:age": noised(nodes.tolist()), "count:age": noised([sum(leaves), missing])}


LEAVES = [(7 * i) % 11 for i in range(tree.LEAVES)]


@pytest.mark.parametrize("bins", [1, 2, 5, 16, 20, 128, 256])
def test_bins_follow_exactly_from_an_exact_tree_and_from_finer_bins(bins: int) -> None:
    expected = np.array(LEAVES).reshape(bins, -1).sum(axis=1).tolist()
    found = derivation.derived(f"bins:age:{bins}", held(LEAVES, missing=4))
    assert found is not None
    assert found.values == (*expected, 4)
    finer = {"bins:age:1280": noised([*LEAVES, 4])}
    assert derivation.derived(f"bins:age:{bins}", finer) == found


def test_what_does_not_follow_is_not_made_up() -> None:
    known = held(LEAVES)
    for name in (
        "bins:age:7",
        "bins:weight:10",
        "sum:age",
        "tree:weight",
        "count:site",
        "rows by site",
        "distinct:age",
    ):
        assert derivation.derived(name, known) is None
        assert name not in derivation.Known(known)
        with pytest.raises(KeyError):
            derivation.Known(known)[name]
    without_counts = {"tree:age": known["tree:age"]}
    assert derivation.derived("bins:age:10", without_counts) is None, "a tree does not say how many are missing"
    by_group = {"count:age by site": noised([1, 2, 3])}
    assert derivation.derived("rows", by_group) is None


def test_only_what_could_follow_is_looked_for() -> None:
    known = held(LEAVES) | {"categories:site": noised([1, 2, 3])}
    for name in ("rows", "count:site", "bins:age:10"):
        assert derivation.derivable(name)
        assert derivation.derived(name, known) is not None
    for name in ("sum:age", "tree:age", "rows by site", "categories:site", "distinct:age", "squares:age"):
        assert not derivation.derivable(name)


def test_the_most_exact_way_is_taken() -> None:
    known: Mapping[str, Noised] = {"count:age": noised([90, 10], 5.0), "count:site": noised([95, 5], 2.0)}
    assert derivation.derived("rows", known) == Noised(values=(100,), noise_stddev=2.0 * math.sqrt(2))


@pytest.mark.parametrize("bins", [4, 10, 16, 20, 64])
def test_bins_of_a_noised_tree_have_at_most_the_noise_that_is_stated(bins: int) -> None:
    """Mean squares of 800 draws a bin (chi-square), false-alarm rate 1e-6 a test; the least exact bin meets it."""
    rng, stddev, exact = np.random.default_rng(3), 40.0, held(LEAVES)
    truth = np.array(LEAVES).reshape(bins, -1).sum(axis=1)
    noise = np.rint(rng.normal(0, stddev, (ANSWERS, tree.NODES)))
    errors = []
    for draw in noise:
        nodes = [int(value) for value in np.array(exact["tree:age"].values) + draw]
        found = derivation.derived(f"bins:age:{bins}", exact | {"tree:age": noised(nodes, stddev)})
        assert found is not None
        errors.append(np.array(found.values[:-1]) - truth)
    claimed = found.noise_stddev
    share = (np.array(errors) ** 2).sum(axis=0) / claimed**2
    low, high = stats.chi2.interval(1 - 1e-6 / bins, ANSWERS)
    assert share.max() < high
    assert share.max() > low, "more noise is claimed than there is"


def test_a_tree_gives_twenty_bins_with_less_noise_than_its_own_nodes_have() -> None:
    known = held(LEAVES) | {"tree:age": noised(list(held(LEAVES)["tree:age"].values), 10.0)}
    found = derivation.derived("bins:age:20", known)
    assert found is not None
    assert 5.0 < found.noise_stddev < 10.0
