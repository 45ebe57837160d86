"""The tutorials, run as a reader runs them: in a kernel, against nodes that they start, leaving nothing behind."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
QUICK = "first_look"
EXPECTED = {
    "across_three_nodes": "no ledger caps the composed loss",
    "cohort_study": "granted · ε 3 for visits",
    "first_look": "repeated: free",
}
MEANT_TO_FAIL = "raises-exception"


def read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def said(cell: Any) -> str:
    """Return a cell's outputs as text: what was printed, shown and raised."""
    parts = [
        out.get("text", "") or out.get("evalue", "") or out.get("data", {}).get("text/plain", "")
        for out in cell.outputs
    ]
    return "\n".join(parts)


def test_there_are_three_of_them_stored_without_outputs() -> None:
    assert NAMES == ["across_three_nodes", "cohort_study", "first_look"]
    for name in NAMES:
        for cell in code(read(name)):
            assert cell.outputs == [], name
            assert cell.execution_count is None, name


@pytest.mark.parametrize("name", [n if n == QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_a_notebook_runs_to_its_end_and_leaves_nothing_behind(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, work = tmp_path / "scratch", tmp_path / "work"
    scratch.mkdir()
    work.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # other libraries set it for the whole process
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read(name)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(work)}}).execute()
    for cell in code(notebook):
        failed = any(out.output_type == "error" for out in cell.outputs)
        meant = MEANT_TO_FAIL in cell.metadata.get("tags", [])
        assert failed == meant, f"{cell.source}\n{said(cell)}"
        if ".plot()" in cell.source:
            assert any("image/png" in out.get("data", {}) for out in cell.outputs), cell.source
        for out in cell.outputs:
            assert out.output_type != "error" or len("\n".join(out.traceback).splitlines()) == 1, out.traceback
            assert out.get("name") != "stderr" or "warn" not in out.get("text", "").lower(), out
    everything = "\n".join(said(cell) for cell in code(notebook))
    assert EXPECTED[name] in everything
    assert not list(scratch.glob("jali-classroom-*"))
