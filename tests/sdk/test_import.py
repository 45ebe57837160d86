import subprocess
import sys

import pytest

import jali


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh process has after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_wire_loads_neither_pandas_nor_numpy_nor_an_http_client() -> None:
    loaded = loaded_after("import jali.wire, jali.wire.query, jali.wire.release, jali.wire.request, jali.wire.ledger")
    assert "pydantic" in loaded
    assert not loaded & {"pandas", "numpy", "httpx", "httpx2", "click"}


def test_jali_alone_loads_nothing_heavy() -> None:
    assert not loaded_after("import jali") & {"pandas", "numpy", "httpx", "httpx2", "pydantic"}


def test_the_whole_sdk_loads_no_server_and_no_training() -> None:
    loaded = loaded_after("import jali\nfor name in jali.__all__: getattr(jali, name)\nimport jali.commands")
    assert "pandas" in loaded
    assert not loaded & {"torch", "opacus", "fastapi", "starlette", "sqlalchemy", "opendp", "streamlit", "duckdb"}


def test_public_names_are_sorted_listed_and_there() -> None:
    assert sorted(jali.__all__) == jali.__all__
    assert set(jali.__all__) <= set(dir(jali))
    assert all(getattr(jali, name) is not None for name in jali.__all__)
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        jali.conect  # noqa: B018
