"""What an operator sees: health, readiness, one line and one count a request, and no value in any of them."""

import json
import logging
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jali_node.actions.operations.readiness import refuse_unless_ready
from jali_node.app import open_node
from jali_node.errors import LedgerIncomplete
from jali_node.observe import logs
from jali_node.observe.requests import HEADER

MEAN = {"kind": "mean", "column": "age"}


def test_without_its_database_a_node_is_alive_and_not_ready(house: Any) -> None:
    assert house.client.get("/ready").json() == {"status": "ready"}
    house.node.database.close()
    for path in house.folder.glob("node.db*"):
        path.unlink()
    (house.folder / "node.db").mkdir()
    assert house.client.get("/health").status_code == 200
    reply = house.client.get("/ready")
    assert (reply.status_code, reply.json()["code"]) == (503, "node_unavailable")


def test_a_table_that_is_gone_makes_a_node_unready_and_is_not_named(house: Any) -> None:
    (house.folder / "visits.parquet").unlink()
    reply = house.client.get("/ready")
    assert reply.status_code == 503
    assert "visits" not in reply.text


def test_a_node_whose_ledger_lacks_entries_is_not_ready(house: Any) -> None:
    for path in house.folder.glob("node.db*"):
        (house.folder / f"older-{path.name}").write_bytes(path.read_bytes())
    house.ask(MEAN)
    house.node.database.close()
    for path in house.folder.glob("node.db*"):
        path.unlink()
    for path in house.folder.glob("older-node.db*"):
        path.rename(house.folder / path.name.removeprefix("older-"))
    settings = house.node.settings.model_copy(update={"name": "again"})
    with closing(open_node(settings)) as node, pytest.raises(LedgerIncomplete, match="lacks entries"):
        refuse_unless_ready(node)


def test_each_request_is_one_line_by_its_route_and_its_person(house: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "jali_node.requests"):
        answered = house.ask(MEAN)
        house.client.get("/v1/datasets/nobody-s?secret=42")
        house.client.get("/no/such/42")
    asked, unsigned, lost = [vars(record) for record in caplog.records if record.name == "jali_node.requests"]
    assert (asked["route"], asked["method"], asked["status"]) == ("/v1/queries", "POST", 200)
    assert asked["request"] == answered.headers[HEADER]
    assert asked["person"].startswith("per_")
    assert (unsigned["route"], unsigned["status"], "person" in unsigned) == ("/v1/datasets/{dataset_id}", 401, False)
    assert (lost["route"], lost["status"]) == ("none", 404)
    assert "42" not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("jali_node"))


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = logging.root.handlers[:]
    level = logging.root.level
    try:
        logs.configure("INFO", "json")
        logging.getLogger("jali_node.requests").info("GET %s", "/health", extra={"status": 200})
    finally:
        logging.root.handlers[:] = before
        logging.root.setLevel(level)
        logging.captureWarnings(False)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["logger"], line["status"]) == (
        "GET /health", "INFO", "jali_node.requests", 200,
    )  # fmt: skip


def test_metrics_count_by_declared_routes_and_tell_what_the_ledger_says(house: Any) -> None:
    house.ask(MEAN)
    house.client.get("/v1/releases/rel_" + "0" * 32)
    house.client.request("BREW", "/health")
    text = house.get("/metrics", house.owner).text
    assert 'jali_requests_total{method="POST",route="/v1/queries",status="200"} 1.0' in text
    assert 'route="/v1/releases/{release_id}",status="401"' in text
    assert 'method="other"' in text
    assert "rel_0" not in text
    assert 'jali_request_seconds_count{route="/v1/queries"}' not in text
    assert f"jali_ledger_entries {float(len(house.ledger()))}" in text
    shares = [line for line in text.splitlines() if line.startswith("jali_population_spent_share{")]
    assert len(shares) == 1
    assert 0 < float(shares[0].split()[-1]) < 1


def figures(house: Any) -> dict[str, float]:
    lines = house.get("/metrics", house.owner).text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_metrics_count_refusals_by_code_spends_by_outcome_and_what_waits(house: Any) -> None:
    before = figures(house)
    assert before['jali_refusals_total{code="budget_exhausted"}'] == 0
    assert house.ask(MEAN).status_code == 200
    assert house.ask(MEAN).json()["repeated"], "which spends nothing"
    assert house.ask({"kind": "count"}, 1.5).json()["code"] == "budget_exhausted"
    assert house.ask({"kind": "mean", "column": "none"}).json()["code"] == "unknown_column"
    house.client.get("/v1/me")
    house.client.post("/v1/queries", content=b"x" * 2_000_000)
    house.request(0.5)
    after = figures(house)
    changed = {name: after[name] - before[name] for name in before if after[name] != before[name]}
    refused = {name: by for name, by in changed.items() if name.startswith("jali_refusals_total")}
    assert refused == {
        f'jali_refusals_total{{code="{code}"}}': 1.0
        for code in ("budget_exhausted", "unknown_column", "not_signed_in", "body_too_large")
    }
    assert changed['jali_spends_total{outcome="committed"}'] == 1
    assert after['jali_spends_under_way{state="begun"}'] == 0
    assert after['jali_waiting{queue="requests"}'] - before['jali_waiting{queue="requests"}'] == 1


def test_a_served_node_writes_json_lines_and_no_address(house: Any) -> None:
    house.client.__exit__(None, None, None)
    command = [sys.executable, "-m", "jali", "node", "serve", "--folder", str(house.folder), "--port", "0"]
    environment = {**os.environ, "JALI_NODE_LOG_FORM": "json"}
    with subprocess.Popen(
        [*command, "--stop-with-parent"], stdin=-1, stdout=-1, stderr=-1, text=True, env=environment
    ) as process:
        assert process.stdout
        address = process.stdout.readline().split()[-1]
        httpx2.get(f"{address}/v1/datasets?secret=42", headers=house.bearer(house.scientist))
        _, said = process.communicate(timeout=30)
    house.client.__enter__()
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(line["route"], line["status"]) for line in lines if "route" in line] == [("/v1/datasets", 200)]
    assert "secret" not in said
    assert Path(house.folder).exists()
