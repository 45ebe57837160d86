"""The house's floors hold: nothing but the engine reaches rows, and a build in which something else does is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("sdk", "datanode", "portal", "migrations")
LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the import contracts of a checkout over the sources in it, and no others."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(folder / name) for name in FOLDERS),
        "COLUMNS": "200",
    }
    command = [str(LINT), "--no-cache", "--config", str(folder / "pyproject.toml")]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the sources and their contracts."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def test_the_import_contracts_hold() -> None:
    checked = lint(ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


def test_an_untouched_copy_passes(copy: Path) -> None:
    checked = lint(copy)
    assert checked.returncode == 0, checked.stdout + checked.stderr


BREACHES = {
    "a route reads rows": (
        "datanode/jali_node/routes/queries.py", "from jali_node import sources", "Only the engine reaches rows"
    ),
    "an action reads rows": (
        "datanode/jali_node/actions/queries/ask.py",
        "def peek() -> object:\n    from jali_node.sources import parquet\n\n    return parquet",
        "Only the engine reaches rows",
    ),
    "a statistic reads rows": (
        "datanode/jali_node/statistics/mean.py", "from jali_node.sources import csv", "Only the engine reaches rows"
    ),
    "a rule reaches up to an action": (
        "datanode/jali_node/policy/rules.py", "from jali_node.actions.queries import ask", "The node's floors"
    ),
    "the node imports the SDK's client": (
        "datanode/jali_node/routes/queries.py", "from jali import transport", "The node knows the wire"
    ),
    "the SDK imports the node": (
        "sdk/jali/node.py", "import jali_node", "The SDK, the node and the portal meet"
    ),
    "the wire imports numpy": (
        "sdk/jali/wire/release.py", "import numpy", "The wire is pydantic and the standard library"
    ),
    "the SDK imports a sampler": (
        "sdk/jali/estimates/noise.py", "import opendp", "Server and training libraries stay out of the SDK"
    ),
}  # fmt: skip


@pytest.mark.parametrize("breach", BREACHES)
def test_a_build_with_a_forbidden_import_is_refused(copy: Path, breach: str) -> None:
    path, line, contract = BREACHES[breach]
    with (copy / path).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    checked = lint(copy)
    assert checked.returncode != 0
    broken = [line for line in checked.stdout.splitlines() if " BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), checked.stdout
    assert "could not be found" not in checked.stdout + checked.stderr
