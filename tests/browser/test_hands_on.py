"""The demo with `--hands-on`: an owner signs in, opens the job, reads its cost, approves it, and sees it done."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.axe import violations

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]  # Playwright closes late
TURN = re.compile(r"open (?P<portal>http://\S+), sign in")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "jali", "demo", "--hands-on"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        yield process
        process.terminate()
        process.communicate(timeout=30)


def test_an_owner_approves_the_demos_model_in_the_portal_and_sees_it_done(
    demo: "subprocess.Popen[str]", browser: Browser, screenshot: Callable[[Page, str], Path]
) -> None:
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if found := TURN.search(line):
            break
    else:
        raise AssertionError(f"the demo ended before it was anybody's turn:\n{said}")
    token = demo.stdout.readline().strip()

    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.set_default_timeout(30_000)
    page.goto(found["portal"])
    page.get_by_label("Your API token").fill(token)
    page.get_by_role("button", name="Sign in by token").click()
    page.get_by_role("link", name="Review").first.click()
    expect(page.get_by_text("asks to train a model on doctor_visits")).to_be_visible()
    expect(page.get_by_text("Left now")).to_be_visible()
    expect(page.get_by_text("After, at least")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Model graph of 3 steps"))).to_be_visible()
    screenshot(page, "job")
    assert violations(page) == []
    page.get_by_role("button", name=re.compile("^Approve")).last.click()
    expect(page.get_by_text("The whole price is set aside")).to_be_visible()
    expect(page.get_by_text("4 of 4 rounds done")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("The job is done.")).to_be_visible(timeout=120_000)  # each node still measures the model
    screenshot(page, "job-done")
    assert violations(page) == []
    page.close()
