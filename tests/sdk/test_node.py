from collections.abc import Callable
from typing import Any

import pytest

import jali
from jali import errors, profile, transport
from jali.profile import Profile
from jali.wire.project import Project
from jali.wire.statistics import Mean


def test_a_dataset_is_found_by_name_and_a_near_miss_is_named(fake: Any) -> None:
    node = fake.node()
    assert node["visits"].card == fake.card
    with pytest.raises(errors.UnknownDataset, match="did you mean 'visits'"):
        node["visit"]
    assert node._ipython_key_completions_() == ["visits"]
    assert list(node) == ["visits"]


def test_the_catalog_lists_names_and_escapes_titles(fake: Any) -> None:
    catalog = fake.node().datasets
    assert list(catalog) == ["visits"]
    assert "visits" in catalog
    assert catalog.to_pandas().loc["visits", "units"] == 12_000
    assert "&lt;visits&gt;" in catalog._repr_html_()
    assert "<visits>" not in catalog._repr_html_()


def test_the_only_project_is_taken_and_of_several_one_must_be_chosen(fake: Any) -> None:
    assert fake.node().project.name == "stays"
    fake.projects += (Project(id="prj_00b2", name="falls", purpose="falls"),)
    with pytest.raises(errors.AmbiguousProject, match=r"'stays' \(prj_00a1\), 'falls' \(prj_00b2\)"):
        fake.node()["visits"].count(epsilon=0.1)
    assert fake.charged_calls == 0
    assert fake.node(project="falls").project.id == "prj_00b2"
    assert fake.node(project="prj_00a1").project.name == "stays"
    with pytest.raises(errors.AmbiguousProject, match="no project 'x'"):
        _ = fake.node(project="x").project


def test_a_node_of_a_distant_wire_version_is_refused(fake: Any) -> None:
    fake.info = fake.info.model_copy(update={"wire": 3})
    with pytest.raises(errors.IncompatibleNode, match="wire version 3"):
        _ = fake.node().me


def test_stored_answers_come_back_after_a_restart_and_cost_nothing(fake: Any) -> None:
    visits = fake.node()["visits"]
    mean, table = visits["age"].mean(epsilon=0.1), visits["site"].value_counts(epsilon=0.1)
    charged = fake.charged_calls
    again = fake.node().releases()
    assert [str(answer) for answer in again] == [str(mean), str(table)]
    assert isinstance(again[0].statistic, Mean)
    assert fake.charged_calls == charged


def test_connect_signs_in_with_a_stored_profile(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_client", lambda url, ca: fake.client())
    profile.store("north", Profile("http://127.0.0.1:1", "t-north"))
    node = jali.connect(profile="north", project="stays")
    assert fake.headers[-1]["authorization"] == "Bearer t-north"
    assert "t-north" not in repr(node) + node._repr_html_()
    assert fake.calls == [("GET", "/v1/node"), ("GET", "/v1/me")]


def test_connect_without_a_token_says_how_to_get_one() -> None:
    with pytest.raises(errors.ProfileMissing, match="jali login"):
        jali.connect("https://node.example")


def test_names_from_the_node_are_escaped(make_fake: Callable[..., Any]) -> None:
    node = make_fake("<script>").node()
    assert "<script>" not in node._repr_html_() + node["visits"]._repr_html_() + node.datasets._repr_html_()
