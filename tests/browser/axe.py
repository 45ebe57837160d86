"""What axe-core finds wrong on a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

NOT_OURS: dict[str, str] = {}
"""Rules that Streamlit's own markup breaks and no page can mend, each with the reason."""


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong on a page, whatever its impact."""
    return [
        f"{found['impact']}: {found['id']}: {found['help']}: {[node['html'][:200] for node in found['nodes']]}"
        for found in Axe().run(page).response["violations"]
        if found["id"] not in NOT_OURS
    ]
