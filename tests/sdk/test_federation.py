import math
from collections.abc import Callable
from typing import Any

import pytest

from jali import errors
from jali.federation import Federation, combined
from jali.wire.dataset import ColumnType
from jali.wire.money import from_fixed

Fakes = list[Any]


@pytest.fixture
def fakes(make_fake: Callable[..., Any]) -> Fakes:
    return [make_fake("Aare", 1), make_fake("Birs", 2), make_fake("Cher", 3), make_fake("Drau", 4)]


def federated(fakes: Fakes, **options: Any) -> Any:
    return Federation([fake.node() for fake in fakes], **options)["visits"]


def changed(fake: Any, column: str, /, **facts: Any) -> None:
    """Change the public facts of a column at a node."""
    columns = tuple(c.model_copy(update=facts) if c.name == column else c for c in fake.card.columns)
    fake.card = fake.card.model_copy(update={"columns": columns})


def charged(fakes: Fakes) -> list[int]:
    return [fake.charged_calls for fake in fakes]


def test_a_node_that_answers_with_an_earlier_release_is_added_by_what_all_hold(fakes: Any) -> None:
    first, second = fakes[:2]
    profile = first.node()["visits"].profile(epsilon=0.5).release
    histogram = second.node()["visits"]["age"].hist(20, epsilon=0.1).release
    added = combined([profile, histogram])
    assert list(added) == ["bins:age:20"]
    assert added["bins:age:20"].values[0] == 1200
    with pytest.raises(errors.UnexpectedReply):
        combined([profile, second.node()["visits"]["stay"].hist(7, epsilon=0.1).release])


def test_distinct_values_of_several_nodes_are_not_added_up(fakes: Any) -> None:
    with pytest.raises(errors.NotCombinable, match="same ones"):
        federated(fakes)["site"].distinct(epsilon=0.1)
    assert [fake.charged_calls for fake in fakes] == [0] * len(fakes)


def test_nodes_add_up_and_their_noise_too(fakes: Fakes) -> None:
    for fake in fakes:
        fake.left = 10.0
    visits = federated(fakes)
    one = fakes[0].node()["visits"].count(epsilon=1.0)
    count = visits.count(epsilon=1.0)
    assert float(count) == 48_000
    assert count.high - count.value == 2 * (one.high - one.value)  # the root of four
    mean = visits["age"].mean(epsilon=1.0)
    assert float(mean) == pytest.approx(55.0)
    assert mean.receipt.releases == mean.releases
    assert len(mean.releases) == 4
    assert visits.groupby("site").count(epsilon=1.0).to_pandas()["count"].tolist() == [16_000.0] * 3
    assert float(visits["stay"].median(epsilon=0.2)) == pytest.approx(30, abs=0.1)
    assert len(visits.describe(epsilon=0.2)) == 3
    assert len(visits["stay"].hist(5, epsilon=0.1)) == 6
    assert visits["site"].value_counts(epsilon=0.1).to_pandas()["count"].tolist()[:3] == [16_000.0] * 3
    assert len(visits.groupby("site")["age"].mean(epsilon=0.1)) == 3
    with pytest.raises(AttributeError, match="releases"):
        _ = mean.release


def test_the_price_of_shared_people_composes_and_is_told(fakes: Fakes) -> None:
    answer = federated(fakes)["age"].mean(epsilon=1.0)
    assert answer.receipt.prices == {"Aare": 1.0, "Birs": 1.0, "Cher": 1.0, "Drau": 1.0}
    loss = answer.releases[0].loss
    expected = min(4 * rdp + offset for rdp, offset in zip(loss.rdp, loss.offsets, strict=True))
    assert answer.price == from_fixed(expected)
    assert 2.0 < answer.price < 2.3  # below the sum of 4: RDP composes
    for text in (str(answer), answer._repr_html_()):
        assert f"together ε {answer.price:.4g}" in text
        assert "The cap holds per node; no ledger caps the composed loss." in text
        assert "Birs: cost ε 1, left ε 2" in text


def test_the_price_of_disjoint_people_is_the_largest(fakes: Fakes) -> None:
    answer = federated(fakes, disjoint=True)["age"].mean(epsilon=1.0)
    assert answer.price == 1.0
    assert "the owners attest" in str(answer)


def test_accounts_without_a_common_order_are_summed(fakes: Fakes) -> None:
    release = fakes[0]._release

    def at_other_orders(query: Any) -> Any:
        answer = release(query)
        loss = answer.loss.model_copy(update={"orders": tuple(order + 1 for order in answer.loss.orders)})
        return answer.model_copy(update={"loss": loss})

    fakes[0]._release = at_other_orders
    assert federated(fakes[:2])["age"].mean(epsilon=0.5).price == 1.0


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        ("age", {"upper": 120.0}, r"column age: bounds is \(0\.0, 110\.0\) at Aare and \(0\.0, 120\.0\) at Birs"),
        ("age", {"type": ColumnType.NUMBER}, "column age: type is integer at Aare and number at Birs"),
        ("age", {"unit": "months"}, "column age: unit is years at Aare and months at Birs"),
        ("age", {"name": "Age"}, "column age is at Aare but not at Birs"),
    ],
)
def test_unequal_facts_are_refused_before_any_node_is_asked(fakes: Fakes, name: str, facts: Any, said: str) -> None:
    changed(fakes[1], name, **facts)
    visits = federated(fakes)
    for ask in (visits["age"], visits.quote["age"], visits.groupby("site")["age"]):
        with pytest.raises(errors.NotCombinable, match=said):
            ask.mean(epsilon=0.1)
    assert charged(fakes) == [0, 0, 0, 0]
    assert ("POST", "/v1/quotes") not in fakes[0].calls


def test_unequal_categories_are_refused(fakes: Fakes) -> None:
    changed(fakes[1], "site", categories=("south", "north", "<east>"))
    with pytest.raises(errors.NotCombinable, match="column site: categories"):
        federated(fakes)["site"].value_counts(epsilon=0.1)


def test_other_columns_and_meanings_may_differ(fakes: Fakes) -> None:
    changed(fakes[1], "stay", upper=90.0)
    changed(fakes[2], "age", meaning="another wording")
    assert float(federated(fakes)["age"].mean(epsilon=0.1)) == pytest.approx(55)


def test_a_missing_grant_at_one_node_costs_nothing_at_another(fakes: Fakes) -> None:
    fakes[2].refuse("/v1/quotes", "grant_required", "nobody granted this")
    with pytest.raises(errors.GrantRequired, match="Cher: nobody granted this"):
        federated(fakes).count(epsilon=0.1)
    fakes[2].refusals.clear()
    fakes[3].left = 0.05
    with pytest.raises(errors.BudgetExhausted, match=r"Drau: .*does not fit.*no node was charged"):
        federated(fakes).count(epsilon=0.1)
    assert charged(fakes) == [0, 0, 0, 0]


def test_a_late_refusal_says_who_has_answered_and_asking_again_is_free_there(fakes: Fakes) -> None:
    fakes[1].refuse("/v1/queries", "budget_exhausted", "the cap is reached")
    visits = federated(fakes[:3])
    with pytest.raises(errors.PartlyAnswered) as failure:
        visits.count(epsilon=0.5)
    assert "Birs: the cap is reached" in str(failure.value)
    assert "Aare (rel_0100), Cher (rel_0300)" in str(failure.value)
    assert failure.value.facts["answered"] == {"Aare": "rel_0100", "Cher": "rel_0300"}
    fakes[1].refusals.clear()
    assert "Aare: repeated: free" in str(visits.count(epsilon=0.5))
    assert [fake.left for fake in fakes[:3]] == [2.5, 2.5, 2.5]


def test_a_refusal_by_all_keeps_its_name(fakes: Fakes) -> None:
    for fake in fakes:
        fake.refuse("/v1/queries", "access_denied", "closed")
    with pytest.raises(errors.AccessDenied, match="Aare: closed; Birs: closed"):
        federated(fakes).count(epsilon=0.5)


def test_a_quote_is_free_and_names_each_price_and_a_bound(fakes: Fakes) -> None:
    quote = federated(fakes).quote["age"].mean(epsilon=0.5)
    assert quote.prices == dict.fromkeys(("Aare", "Birs", "Cher", "Drau"), 0.5)
    assert math.isclose(quote.at_most, 2.0)
    assert quote.fits
    assert "together at most ε 2" in str(quote)
    assert "together at most ε 2" in quote._repr_html_()
    assert quote.to_pandas().loc["Drau", "left_after"] == 2.5
    assert federated(fakes, disjoint=True).quote.count(epsilon=0.5).at_most == 0.5
    assert charged(fakes) == [0, 0, 0, 0]


def test_looking_at_a_federation_never_spends(fakes: Fakes) -> None:
    federation = Federation([fake.node() for fake in fakes])
    visits = federation["visits"]
    for seen in (federation, visits, visits["age"], visits.quote):
        repr(seen)
        dir(seen)
        getattr(seen, "_repr_html_", str)()
    with pytest.raises(TypeError):
        len(visits)
    assert federation.datasets == ["visits"]
    assert federation._ipython_key_completions_() == ["visits"]
    assert charged(fakes) == [0, 0, 0, 0]


def test_local_refusals_come_before_any_node_is_asked(fakes: Fakes) -> None:
    fakes[3].info = fakes[3].info.model_copy(update={"capabilities": ()})
    visits = federated(fakes)
    with pytest.raises(errors.NotOffered, match="Drau"):
        visits.count(epsilon=0.1)
    with pytest.raises(errors.UnknownColumn):
        visits["agee"]
    with pytest.raises(errors.BoundsUnknown):
        visits["cost"].mean(epsilon=0.1)
    assert charged(fakes) == [0, 0, 0, 0]


def test_the_same_node_twice_is_refused(fakes: Fakes) -> None:
    with pytest.raises(errors.NotCombinable, match="count twice"):
        Federation([fakes[0].node(), fakes[0].node()])
    with pytest.raises(errors.InvalidRequest):
        Federation([])


def test_nodes_of_one_name_are_told_apart(make_fake: Callable[..., Any]) -> None:
    federation = Federation([make_fake("Aare", 1).node(), make_fake("Aare", 2).node()])
    assert list(federation.nodes) == ["Aare (node_0001)", "Aare (node_0002)"]


def test_an_unknown_dataset_names_the_node(fakes: Fakes) -> None:
    with pytest.raises(errors.UnknownDataset, match="did you mean 'visits'"):
        Federation([fake.node() for fake in fakes])["visit"]
