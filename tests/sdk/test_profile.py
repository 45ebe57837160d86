import stat

import pytest

from jali import errors, profile
from jali.profile import Profile


def test_a_profile_file_is_readable_by_its_user_alone() -> None:
    path = profile.store("default", Profile("https://a.example", "t-a"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    profile.store("other", Profile("https://b.example", "t-b"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(profile.stored()) == {"default", "other"}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_profile_does_not_print_its_token() -> None:
    assert "t-a" not in repr(Profile("https://a.example", "t-a"))


def test_a_damaged_file_is_named_without_its_content() -> None:
    path = profile.store("default", Profile("https://a.example", "t-a"))
    path.write_text('{"default": {"token": "t-a"}}')
    with pytest.raises(errors.ProfileMissing) as failure:
        profile.settled()
    assert "t-a" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_nothing_known_says_how_to_begin() -> None:
    with pytest.raises(errors.ProfileMissing, match="jali login"):
        profile.settled()


def test_a_wrong_name_shows_the_names_that_there_are() -> None:
    profile.store("north", Profile("https://a.example", "t-a"))
    with pytest.raises(errors.ProfileMissing, match="north"):
        profile.settled(name="south")


def test_a_stored_token_is_never_sent_to_another_address() -> None:
    profile.store("north", Profile("https://a.example", "t-a", ca="a.pem"))
    assert profile.settled("https://b.example") == Profile("https://b.example")
    assert profile.settled("https://b.example", name="north") == Profile("https://b.example")
    assert profile.settled("https://a.example/").token == "t-a"  # noqa: S105


def test_a_named_profile_keeps_its_own_token_beside_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    profile.store("north", Profile("https://a.example", "t-a"))
    monkeypatch.setenv("JALI_TOKEN", "t-env")
    monkeypatch.setenv("JALI_URL", "https://c.example")
    assert profile.settled(name="north") == Profile("https://a.example", "t-a")
    assert profile.settled() == Profile("https://c.example", "t-env")


def test_of_several_profiles_the_environment_or_the_default_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    profile.store("north", Profile("https://a.example", "t-a"))
    assert profile.settled().url == "https://a.example"
    profile.store("south", Profile("https://b.example", "t-b"))
    with pytest.raises(errors.ProfileMissing, match="north, south"):
        profile.settled()
    monkeypatch.setenv("JALI_PROFILE", "south")
    assert profile.settled().url == "https://b.example"
