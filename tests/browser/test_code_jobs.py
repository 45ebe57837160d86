"""A code job in a real browser: its function is read and approved, its output is read and released."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.axe import violations

from jali_node.sandbox import cell, code

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop closes its pipes late
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(cell.tier() < code.TIER, reason=f"this machine's sandbox does not reach {code.TIER}"),
]
Take = Callable[[Page, str], Path]


def by_site(df: Any) -> Any:
    return df.groupby("site", observed=True).age.agg(["mean", "count"]).round(1)


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "jali", "node", "worker", "--folder", str(folder), "--stop-with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ}) as one:
        try:
            assert one.stdout is not None
            assert "waiting" in one.stdout.readline()
            yield
        finally:
            one.kill()


def chosen(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name).or_(page.get_by_text(name, exact=True)).first.click()


def test_a_function_is_read_and_run_and_its_output_read_and_released(
    visitor: Any, clinic: Any, screenshot: Take
) -> None:
    owner = clinic.owner.owner
    owner.allow_code(clinic.owner["visits"].card)
    job = clinic.scientist["visits"].run_code(
        by_site, columns=["age", "site"], purpose="to see that it is <b>escaped</b>"
    )
    visitor.sign_in()
    visitor.open(job.id)
    expect(visitor.page.get_by_text("This leaves the promise").first).to_be_visible()
    expect(visitor.page.locator("code", has_text="def by_site").first).to_be_visible()
    screenshot(visitor.page, "code-job")
    assert violations(visitor.page) == []
    chosen(visitor.page, "Approve")
    visitor.page.get_by_role("button", name="Let this code run once").click()
    visitor.page.get_by_role("status").filter(has_text="Approved").wait_for()
    with worker(clinic.folder):
        end = time.monotonic() + 120
        while owner.code_jobs()[0].status != "held":
            assert time.monotonic() < end, owner.code_jobs()[0].status
            time.sleep(0.2)
    visitor.page.goto(f"{clinic.portal}/request?id={job.id}")
    visitor.page.get_by_role("heading", name="Your decision about the output").wait_for()
    expect(visitor.page.locator("td", has_text="north").first).to_be_visible()
    screenshot(visitor.page, "airlock")
    assert violations(visitor.page) == []
    chosen(visitor.page, "Release")
    visitor.page.get_by_label("Reason, which the asker and auditors read").fill("two groups of more than a thousand")
    visitor.page.get_by_role("button", name="Release the output").click()
    visitor.page.get_by_role("status").filter(has_text="Released").wait_for()
    assert list(job.wait(60).result().index) == ["north", "south"]
    visitor.go("/budgets", "Budgets")
    expect(visitor.page.get_by_text("promise ended at entry").first).to_be_visible()
    screenshot(visitor.page, "budgets-after-the-promise")
    assert violations(visitor.page) == []
    owner.allow_code(clinic.owner["visits"].card, False)
