"""The tighter figure: what the oracle says of all events together, never more than the account, and labelled."""

from typing import Any

import pytest
from dp_accounting import GaussianDpEvent, NeighboringRelation, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant

from jali_node.ledger import report
from jali_node.ledger.event import Composed, Concentrated, Gaussian, PoissonSampled, SelfComposed, Thresholded

DELTA = 10**12


def oracle() -> PLDAccountant:
    return PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, value_discretization_interval=1e-3)


def test_470_histograms_cost_0_91_by_privacy_loss_distributions_where_the_account_says_0_99() -> None:
    found = report.tighter([Gaussian(100.0).record()] * 470, DELTA)
    assert found == pytest.approx(0.91, abs=0.01)


def test_statistics_and_training_together_are_what_the_oracle_says_of_each_event_in_turn() -> None:
    training = SelfComposed(PoissonSampled(0.02, Gaussian(1.1)), 50)
    events = [
        Gaussian(8.0),
        Composed((Gaussian(9.0), Gaussian(12.0))),
        training,
        SelfComposed(Gaussian(30.0), 4),
        training,
    ]
    by_turns = oracle()
    for noise in (8.0, 9.0, 12.0, *[30.0] * 4):
        by_turns.compose(GaussianDpEvent(noise))
    by_turns.compose(SelfComposedDpEvent(PoissonSampledDpEvent(0.02, GaussianDpEvent(1.1)), 100))
    found = report.tighter([event.record() for event in events], DELTA)
    assert found == pytest.approx(by_turns.get_epsilon(1e-6), abs=0.01)


def test_deltas_of_unknown_keys_are_taken_off_and_concentrated_events_are_added() -> None:
    keys = Thresholded(Gaussian(8.0), DELTA // 10, 1, 20)
    plain, with_keys = (report.tighter([event.record()], DELTA) for event in (Gaussian(8.0), keys))
    assert plain is not None
    assert with_keys is not None
    assert with_keys > plain
    both = report.tighter([Gaussian(8.0).record(), Concentrated(0.01).record()], DELTA)
    assert both is not None
    assert both > plain
    assert report.tighter([Thresholded(Gaussian(8.0), DELTA, 1, 20).record()], DELTA) is None
    assert report.tighter([], DELTA) == 0


def test_an_owner_reads_both_figures_and_which_of_them_is_no_promise(house: Any) -> None:
    for epsilon in (0.2, 0.25, 0.3):
        assert house.ask({"kind": "count"}, epsilon).status_code == 200
    owner = house.sdk(house.owner).owner
    [population] = owner.populations()
    found = owner.report(population.id)
    assert found.events == 3
    assert found.tighter is not None
    assert 0 < found.tighter < found.spent == population.budget.spent
    assert "not a promise" in found.describe()
    assert house.get(f"/v1/populations/{population.id}/report").status_code == 403
