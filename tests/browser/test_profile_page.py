"""The page that a profile is saved as, as a colleague opens it: from a file, without scripts, in the dark too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from jali.wire.request import RequestStatus

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_saved_profile_reads_well_without_network_or_scripts(
    clinic: Any, browser: Browser, tmp_path: Path, screenshot: Callable[[Page, str], Path], scheme: str
) -> None:
    owner = clinic.owner
    visits = clinic.scientist["visits"]
    wish = visits.request_access(purpose="a page for colleagues", epsilon=2.0)
    for waiting in owner.owner.requests():
        if waiting.id == wish.id:
            owner.owner.decide(waiting, RequestStatus.GRANTED)
    path = visits.profile(epsilon=0.5).save(tmp_path / "profile.html")
    asked: list[str] = []
    context = browser.new_context(
        viewport={"width": 1100, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=False,
        offline=True,
    )
    opened = context.new_page()
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert opened.get_by_role("heading", name="visits: a first look").is_visible()
    for name in ("age", "site"):
        assert opened.get_by_role("heading", name=name).is_visible()
    assert opened.get_by_role("img", name="histogram, with noise intervals").is_visible()
    assert opened.get_by_text("price of this page").is_visible()
    screenshot(opened, f"profile-{scheme}")
    context.close()
