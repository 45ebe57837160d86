"""What a real IPython makes of Jali's objects: completion, errors on one line, and nothing spent on either."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from jali import errors, progress
from jali.eda.view import NO_JOINS
from jali.wire.request import RequestStatus


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: Any, visits: Any) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    config.Completer.use_jedi = False
    opened: Any = InteractiveShell(config=config)
    opened.user_ns.update({"node": fake.node(), "ds": visits})
    yield opened
    opened.reset(new_session=False)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [('ds["a', "age"), ('node["v', "visits"), ("ds.sta", "stay"), ("ds.desc", "describe"), ("ds.si", "site")],
)
def test_names_complete_and_nothing_is_spent(fake: Any, shell: InteractiveShell, typed: str, completed: str) -> None:
    completer: Any = shell.Completer
    with provisionalcompleter():
        found = [completion.text for completion in completer.completions(typed, len(typed))]
    assert any(completed in match for match in found), found
    assert fake.charged_calls == 0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('ds["agee"]', "UnknownColumn: visits has no column 'agee'; did you mean 'age'?"),
        ('ds["age"].mean()', "InvalidRequest: say what the answer may cost with epsilon="),
        ('ds["age"].mean(epsilon=0.1)', "BudgetExhausted: ε 0.1 is left"),
        ("ds.merge(ds)", f"NotOffered: {NO_JOINS}"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    fake: Any, shell: InteractiveShell, capsys: pytest.CaptureFixture[str], code: str, said: str
) -> None:
    fake.refuse("/v1/queries", "budget_exhausted", "ε 0.1 is left")
    result = shell.run_cell(code)
    assert isinstance(result.error_in_exec, errors.JaliError)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(said)


def test_whoever_tries_to_join_is_told_whom_to_ask(visits: Any, make_fake: Any) -> None:
    frame, other = pd.DataFrame({"age": [1]}), make_fake("Birs", 2).node()["visits"]
    attempts = {
        "merge": lambda: pd.merge(visits, frame, on="age"),
        "merged into": lambda: frame.merge(visits, on="age"),
        "join": lambda: visits.join(frame),
        "concat": lambda: pd.concat([visits, visits]),
        "concat with a frame": lambda: pd.concat([frame, visits]),
        "columns of two": lambda: visits["age"] + other["stay"],
        "rows of another": lambda: visits[other["age"] > 50],
    }
    for name, attempt in attempts.items():
        with pytest.raises(errors.NotOffered) as refused:
            attempt()
        assert "no joins here: ask the owner for a view" in refused.value.detail, name


def test_an_answer_names_its_price_what_is_left_and_its_release(visits: Any) -> None:
    for answer in (visits["age"].mean(epsilon=0.1), visits["age"].hist(epsilon=0.1)):
        for text in (str(answer), answer._repr_html_()):
            assert f"left ε {answer.release.left:.4g} · {answer.id}" in text


def test_a_wait_shows_a_bar_and_leaves_a_plain_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.0)
    with progress.waiting("waiting for the owner", 10, "s") as wait:
        wait.reach(4)
        wait.reach(9)
        wait.outcome = "req_01 was granted"
    said = capsys.readouterr()
    assert "waiting for the owner" in said.err
    assert said.out.startswith("req_01 was granted after 0.")


def test_what_is_over_at_once_shows_nothing(fake: Any, visits: Any, capsys: pytest.CaptureFixture[str]) -> None:
    wish = visits.request_access(purpose="length of stay", epsilon=1.0)
    fake.requests[wish.id] = fake.requests[wish.id].model_copy(update={"status": RequestStatus.GRANTED})
    wish.wait(timeout_s=5)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")
