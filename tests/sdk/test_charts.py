import builtins
from collections.abc import Iterator
from typing import Any

import matplotlib
import pytest
from matplotlib import pyplot

from jali.eda.charts.picture import INTERVAL, MARKS_MAX

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _no_figure_stays() -> Iterator[None]:
    yield
    pyplot.close("all")


def answers(visits: Any) -> dict[str, Any]:
    return {
        "histogram": visits["age"].hist(bins=11, epsilon=0.1),
        "value counts": visits["site"].value_counts(epsilon=0.1),
        "quantiles": visits["stay"].quantile([0.25, 0.5, 0.75], epsilon=0.1),
        "group means": visits.groupby("site")["age"].mean(epsilon=0.1),
        "group counts": visits.groupby("site").count(epsilon=0.1),
        "description": visits.describe(epsilon=0.5),
        "mean": visits["age"].mean(epsilon=0.1),
        "count": visits.count(epsilon=0.1),
        "filtered": visits[visits.age > 50].groupby("site")["stay"].mean(epsilon=0.1),
    }


def words(ax: Any) -> str:
    found = [text.get_text() for text in ax.figure.findobj(matplotlib.text.Text)]
    return "\n".join(found)


def test_every_answer_draws_its_interval_its_price_and_its_unit(visits: Any) -> None:
    for name, answer in answers(visits).items():
        ax = answer.plot()
        said = words(ax)
        assert INTERVAL in said, name
        assert f"ε {answer.price:.4g}" in said, name
        assert ax.get_title(loc="left"), name
    assert "age (years)" in words(answers(visits)["histogram"].plot())
    assert "mean of stay (days)" in words(answers(visits)["filtered"].plot())
    assert "where age > 50" in words(answers(visits)["filtered"].plot())


def test_error_bars_reach_as_far_as_the_noise(visits: Any) -> None:
    answer = visits["age"].hist(bins=4, epsilon=0.1)
    bars = answer.plot().containers
    (segments,) = [line for container in bars if hasattr(container, "has_yerr") for line in container.lines[2]]
    drawn = [end for path in segments.get_segments() for end in (path[0][1], path[1][1])]
    frame = answer.to_pandas().drop(index="missing")
    assert drawn == pytest.approx(frame[["count_low", "count_high"]].to_numpy().ravel())


def test_a_chart_goes_where_it_is_told(visits: Any) -> None:
    figure, (left, right) = pyplot.subplots(1, 2)
    assert visits["age"].hist(epsilon=0.1).plot(ax=left) is left
    assert visits.describe(epsilon=0.5).plot(ax=right) is right
    assert len(pyplot.get_fignums()) == 1
    figure.canvas.draw()


def test_another_figure_of_an_answer_can_be_drawn_and_a_wrong_one_is_named(visits: Any) -> None:
    groups = visits.groupby("site")["age"].mean(epsilon=0.1)
    assert "mean of age (years)" in words(groups.plot())
    assert groups.plot(figure="count").get_xlabel() == "rows"
    with pytest.raises(ValueError, match="expected one of mean, count; got median"):
        groups.plot(figure="median")


def test_a_chart_of_very_many_groups_says_how_many_it_leaves_out(fake: Any) -> None:
    names = tuple(f"ward {number}" for number in range(80))
    columns = tuple(c.model_copy(update={"categories": names}) if c.name == "site" else c for c in fake.card.columns)
    fake.card = fake.card.model_copy(update={"columns": columns})
    ax = fake.node()["visits"]["site"].value_counts(epsilon=0.1).plot()
    assert f"the first {MARKS_MAX} of 81: .to_pandas()" in words(ax)


def test_altair_charts_hold_values_and_intervals(visits: Any) -> None:
    for name, answer in answers(visits).items():
        chart = answer.altair().to_dict()
        assert INTERVAL in str(chart["title"]["subtitle"]), name
        assert "'low'" in str(chart), name


def test_drawing_spends_nothing(fake: Any, visits: Any) -> None:
    drawn = answers(visits)
    charged, left = fake.charged_calls, fake.left
    for answer in drawn.values():
        answer.plot()
        answer.altair()
    assert (fake.charged_calls, fake.left) == (charged, left)


@pytest.mark.parametrize(("library", "extra"), [("matplotlib", "plot"), ("altair", "altair")])
def test_a_missing_extra_is_named(visits: Any, monkeypatch: pytest.MonkeyPatch, library: str, extra: str) -> None:
    answer, original = visits["age"].mean(epsilon=0.1), builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == library:
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    draw = answer.plot if library == "matplotlib" else answer.altair
    with pytest.raises(ImportError, match=rf"pip install 'jali\[{extra}\]'"):
        draw()
