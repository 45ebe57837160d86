"""`jali portal`, as a process."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from jali_portal.commands import portal


def typed(*arguments: str) -> str:
    result = CliRunner().invoke(portal, arguments)
    assert result.exit_code != 0
    return f"{result.output} {result.exception}"


def test_it_serves_behind_the_gate_and_ends_with_its_parent() -> None:
    command = [
        sys.executable,
        "-m",
        "jali",
        "portal",
        "--node",
        "http://127.0.0.1:1",
        "--port",
        "0",
        "--stop-with-parent",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line[line.index("http") :].strip()
        assert "answers on" in line
        page = httpx2.get(f"{url}/", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/session/login")
        signed = httpx2.get(f"{url}/session/login")
        assert "Review desk" in signed.text
        assert httpx2.get(f"{url}/app/static/logo.svg").headers["content-type"].startswith("image/svg")
        refused = httpx2.post(f"{url}/session/login", data={"token": "x"}, headers={"origin": url})
        assert "does not answer" in refused.text
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


def test_the_command_line_loads_no_server() -> None:
    code = "import sys, json, jali_portal.commands; print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    loaded = set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))
    assert not loaded & {"streamlit", "starlette", "uvicorn", "altair", "pandas"}


def test_it_is_not_put_on_the_network_without_https() -> None:
    assert "--public-url" in typed("--node", "http://127.0.0.1:1", "--host", "0.0.0.0")  # noqa: S104 - refused
    assert "http" in typed("--node", "http://127.0.0.1:1", "--public-url", "http://portal.example")
    assert "https" in typed("--node", "http://node.example")


def test_nothing_is_loaded_from_elsewhere() -> None:
    sources = Path(typed.__code__.co_filename).parents[2] / "portal" / "jali_portal"
    for path in sources.rglob("*"):
        if path.suffix in (".py", ".css", ".svg", ".toml"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "//cdn" not in text
            assert "@import" not in text
            assert "googleapis" not in text


@pytest.mark.parametrize("port", ["-1", "70000"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert "port" in typed("--node", "http://127.0.0.1:1", "--port", port)
