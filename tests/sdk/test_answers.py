import math
from typing import Any

import pandas as pd
import pytest

from jali import errors
from jali.eda import markup
from jali.eda.noisy import NoisyFigure, NoisyTable
from jali.eda.profile import Profile


def test_a_figure_carries_value_interval_price_and_what_is_left(visits: Any) -> None:
    mean = visits["age"].mean(epsilon=0.1)
    assert isinstance(mean, NoisyFigure)
    assert float(mean) == mean.value == pytest.approx(55.0)
    assert mean.low < mean.value < mean.high
    assert mean.interval == (mean.low, mean.high)
    assert f"{mean:.1f}" == "55.0"
    assert (mean.price, mean.id) == (0.1, mean.release.id)
    for text in (str(mean), mean._repr_html_()):
        assert "cost ε 0.1 · left ε 2.9" in text
        assert "95 %" in text
        assert f"{mean.low:.5f} to {mean.high:.5f}" in text
    assert list(mean.to_pandas().columns)[:3] == ["mean", "mean_low", "mean_high"]


def test_a_repeat_is_shown_as_free(visits: Any) -> None:
    visits["age"].mean(epsilon=0.1)
    again = visits["age"].mean(epsilon=0.1)
    assert "repeated: free · left ε 2.9" in str(again)
    assert "repeated: free" in str(visits.quote["age"].mean(epsilon=0.1))


def test_sum_spread_missing_and_distinct_are_figures_with_their_counts_beside(fake: Any, visits: Any) -> None:
    total = visits["age"].sum(epsilon=0.1)
    assert float(total) == pytest.approx(55 * 12_000)
    assert [row.figure for row in total.rows] == ["sum", "count", "missing"]
    std, var = visits["stay"].std(epsilon=0.1), visits["stay"].var(epsilon=0.1)
    assert float(std) == pytest.approx(60 / math.sqrt(12), rel=1e-3)
    assert float(var) == pytest.approx(float(std) ** 2)
    assert std.id == var.id
    assert float(visits["cost"].missing(epsilon=0.1)) == 0.0
    assert "missing share" in visits["site"].missing(epsilon=0.1).to_pandas().columns
    assert float(visits["site"].distinct(epsilon=0.1)) == 3
    assert float(visits["age"].distinct(epsilon=0.1)) == 111
    assert fake.left == pytest.approx(3.0 - 0.6)


def test_a_crosstab_is_a_wide_table_with_both_ends(visits: Any) -> None:
    young = visits["age"].cut([0, 40, 110])
    table = visits.crosstab("site", young, epsilon=0.1)
    frame = table.to_pandas()
    assert frame.columns.get_level_values(0).unique().tolist() == ["count", "count_low", "count_high"]
    assert frame["count"].index.tolist() == ["north", "south", "<east>", "missing"]
    assert frame["count"].columns.tolist() == [*young.categories, "missing"]
    assert (frame["count_low"] <= frame["count"]).all().all()
    assert (frame["count"].index.name, frame["count"].columns.name) == ("site", young.name)
    assert frame["count"].loc["north"].tolist() == [2000.0, 2000.0, 0.0]
    assert len(table) == 4
    assert "site" in str(table)
    assert "&lt;east&gt;" in table._repr_html_()


def test_covariances_and_correlations_share_a_release_and_are_square(fake: Any, visits: Any) -> None:
    covariance = visits.cov(["age", "stay"], epsilon=1.0)
    correlation = visits.corr(["age", "stay"], epsilon=1.0)
    assert covariance.id == correlation.id
    assert fake.left == pytest.approx(2.0)
    matrix, frame = covariance.to_pandas()["covariance"], correlation.to_pandas()
    assert matrix.index.tolist() == matrix.columns.tolist() == ["age", "stay"]
    assert matrix.loc["stay", "stay"] == pytest.approx(60**2 / 12, rel=1e-3)
    assert frame["correlation"].to_numpy().diagonal().tolist() == [1.0, 1.0]
    assert frame["correlation_low"].loc["age", "stay"] == frame["correlation_low"].loc["stay", "age"]
    assert -1 <= frame["correlation_low"].min().min() <= frame["correlation_high"].max().max() <= 1
    assert visits.corr(epsilon=0.1).statistic.columns == ("age", "stay", "count")
    assert "count" in {row.figure for row in correlation.rows}
    with pytest.raises(errors.InvalidRequest, match="columns"):
        visits.cov(["age"], epsilon=0.1)
    with pytest.raises(errors.BoundsUnknown):
        visits.cov(["age", "cost"], epsilon=0.1)


def test_sums_and_quantiles_by_group(visits: Any) -> None:
    groups = visits.groupby("site")
    sums = groups["age"].sum(epsilon=0.1).to_pandas()
    assert list(sums.columns)[:4] == ["sum", "sum_low", "sum_high", "count"]
    assert sums["sum"].tolist() == pytest.approx([55.0 * 4000] * 3)
    quantiles = groups["stay"].quantile([0.25, 0.5], epsilon=0.1).to_pandas()
    assert quantiles.index.tolist() == ["north", "south", "<east>"]
    assert list(quantiles.columns) == ["25%", "25%_low", "25%_high", "50%", "50%_low", "50%_high"]
    assert quantiles["50%"].tolist() == pytest.approx([30.0] * 3, abs=0.2)
    assert groups["stay"].median(epsilon=0.1).to_pandas()["50%"].tolist() == quantiles["50%"].tolist()
    classes = visits["age"].cut(list(range(36)))
    with pytest.raises(errors.InvalidRequest, match="at most 100 groups, got 105"):
        visits.groupby(["site", classes])["stay"].median(epsilon=0.1)


def test_a_profile_shows_every_column_and_gives_its_rows(visits: Any) -> None:
    profile = visits.profile(epsilon=1.0)
    assert isinstance(profile, Profile)
    assert profile.columns == ("age", "stay", "site", "count", "cost")
    frame = profile.to_pandas()
    assert frame.index.tolist() == list(profile.columns)
    assert frame["count"].tolist() == [12_000.0] * 5
    assert frame["mean"].isna().tolist() == [False, False, True, False, True]
    assert {name: row.value for name, row in profile.categories("site").items()} == {
        "north": 4000.0,
        "south": 4000.0,
        "<east>": 4000.0,
    }
    assert profile.of("age")["50%"].value == pytest.approx(55, abs=1)
    assert profile.categories("age") == {}
    assert "most frequent" in str(profile)
    assert "&lt;east&gt;: 4,000" in profile._repr_html_()
    assert visits.profile(epsilon=1.0, columns=["site"]).columns == ("site",)


def test_stored_answers_come_back_in_their_forms(fake: Any, visits: Any) -> None:
    asked = [
        visits.profile(epsilon=0.1),
        visits.corr(["age", "stay"], epsilon=0.1),
        visits["age"].sum(epsilon=0.1),
        visits.groupby("site")["age"].median(epsilon=0.1),
    ]
    restored = fake.node().releases()
    assert [type(answer) for answer in restored] == [type(answer) for answer in asked]
    assert [answer.rows for answer in restored] == [answer.rows for answer in asked]


def test_distinct_numbers_and_sums_of_words_are_refused_here(fake: Any, visits: Any) -> None:
    with pytest.raises(errors.BoundsUnknown):
        visits["cost"].distinct(epsilon=0.1)
    with pytest.raises(errors.WrongColumnType, match="value_counts"):
        visits["site"].sum(epsilon=0.1)
    assert fake.charged_calls == 0


def test_tables_become_wide_frames_with_low_and_high(visits: Any) -> None:
    described = visits.describe(epsilon=1.0, columns=["age", "stay"]).to_pandas()
    assert described.index.tolist() == ["age", "stay"]
    assert described.index.name == "column"
    assert {"mean", "mean_low", "mean_high", "std", "50%", "50%_low", "missing"} <= set(described.columns)
    bins = visits["stay"].hist(4, epsilon=0.1).to_pandas()
    assert bins.index.tolist() == ["[0, 15)", "[15, 30)", "[30, 45)", "[45, 60]", "missing"]
    assert (bins["count_low"] <= bins["count"]).all()
    assert set(bins.dtypes) == {pd.Series([0.0]).dtype}
    assert visits["site"].value_counts(epsilon=0.1).to_pandas().index.tolist() == [
        "north",
        "south",
        "<east>",
        "missing",
    ]
    levels = visits["stay"].quantile([0.9, 0.1, 0.9], epsilon=0.1).to_pandas()
    assert levels.index.tolist() == [0.9, 0.1]
    groups = visits.groupby("site")["age"].mean(epsilon=0.1).to_pandas()
    assert groups.index.name == "site"
    assert list(groups.columns) == ["mean", "mean_low", "mean_high", "count", "count_low", "count_high"]
    assert visits.groupby(["site"]).count(epsilon=0.1).to_pandas()["count"].tolist() == [4000.0] * 3


def test_describe_takes_all_bounded_columns(fake: Any, visits: Any) -> None:
    assert len(visits.describe(epsilon=1.0)) == 3
    assert fake.asked[-1].statistic.columns == ("age", "stay", "count")


def test_one_quantile_is_a_figure_and_several_share_a_release(fake: Any, visits: Any) -> None:
    median = visits["stay"].median(epsilon=0.1)
    assert isinstance(median, NoisyFigure)
    assert float(median) == pytest.approx(30, abs=0.1)
    several = visits["stay"].quantile([0.25, 0.75], epsilon=0.1)
    assert isinstance(several, NoisyTable)
    assert several.to_pandas()["quantile"].tolist() == pytest.approx([15, 45], abs=0.1)
    assert several.id == median.id
    assert fake.left == pytest.approx(2.9)


def test_reprs_escape_what_the_node_says(visits: Any) -> None:
    for answer in (
        visits["site"].value_counts(epsilon=0.1),
        visits.groupby("site").count(epsilon=0.1),
        visits.describe(epsilon=0.1),
        visits.quote["site"].value_counts(epsilon=0.5),
        visits.budget(),
    ):
        html = answer._repr_html_()
        assert "<east>" not in html
        assert "currentColor" in html
        assert len(html) < 5000
    assert "&lt;east&gt;" in visits["site"].value_counts(epsilon=0.1)._repr_html_()


def test_long_tables_are_cut_and_say_so(visits: Any) -> None:
    table = visits["stay"].hist(bins=200, epsilon=0.1)
    assert len(table) == 201
    assert f"and {201 - markup.ROWS_SHOWN} more: .to_pandas()" in table._repr_html_()
    assert "more: .to_pandas()" in str(table)
    assert len(table.to_pandas()) == 201


def test_a_quote_shows_price_forecast_and_whether_it_fits(fake: Any, visits: Any) -> None:
    quote = visits.quote["age"].mean(epsilon=0.5)
    assert (quote.price, quote.fits) == (0.5, True)
    assert "would cost ε 0.5 · left ε 3 before, ε 2.5 after" in str(quote)
    assert "± 0.123" in str(quote)
    assert quote.to_pandas().loc[("", "mean"), "half_width"] == 0.123
    assert "does not fit" in str(visits.quote["age"].mean(epsilon=5))
    assert fake.charged_calls == 0


def test_the_budget_bar_is_full_in_proportion(fake: Any, visits: Any) -> None:
    fake.left = 1.0
    budget = visits.budget()
    assert (budget.left, budget.cap, budget.spent, budget.delta) == (1.0, 4.0, 1.0, 1e-6)
    assert str(budget).count("█") == 5
    assert "width:25%" in budget._repr_html_()
    assert math.isclose(budget.left, 1.0)


def test_chosen_rows_and_columns_quote_themselves(fake: Any, visits: Any) -> None:
    old = visits[visits["age"] > 50]
    for quote in (old.quote["age"].mean(epsilon=0.5), old["age"].quote.mean(epsilon=0.5)):
        assert quote.selection.describe() == old["age"]._desk.selection.describe()
        assert "would cost ε 0.5" in str(quote)
    assert str(old.quote.quote.count(epsilon=0.5)) == str(old.quote.count(epsilon=0.5))
    assert str((visits["age"] * 2).quote.mean(epsilon=0.5)) == str(visits.quote["age"].__mul__(2).mean(epsilon=0.5))
    assert not [call for call in fake.calls if call == ("POST", "/v1/queries")]
