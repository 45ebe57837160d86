"""Hostile functions in the sandbox, each doing its best; and what a forged reply comes to."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jali.wire.dataset import Column
from jali.wire.jobs.code import CodeForm, CodeLimits, TryOut
from jali.wire.output import Failure, Value
from jali_node.sandbox import cell, code, message, walls

COLUMNS = (
    Column.model_validate({"name": "age", "type": "integer", "lower": 0, "upper": 100}),
    Column.model_validate({"name": "name", "type": "text"}),
)
ROWS: dict[str, Any] = {"age": np.arange(50.0), "name": np.array([f"person {i}" for i in range(50)], dtype=object)}
TRIED = TryOut(rows=1, mock="public", shape="one value", output="1", digest="0" * 64, packages={})
needs_the_sandbox = pytest.mark.skipif(cell.tier() < code.TIER, reason=f"the sandbox does not reach {code.TIER}")
REACH = """def job(df):
    import json
    modules = json.decoder.scanner.re.enum.sys.modules
    sys, os, io, ctypes = (modules[name] for name in ("sys", "os", "io", "ctypes"))
    call = ctypes.CDLL(None)
    found = {}
"""
ATTEMPTS = [
    "io.open('/etc/passwd').read()", f"io.open({__file__!r}).read()", "io.open('/tmp/out', 'w').write('x')",
    "io.open('/proc/self/environ').read()", "os.listdir('/')", "os.fork()", "os.execv('/bin/sh', ['/bin/sh'])",
    "os.posix_spawn('/bin/sh', ['/bin/sh'], {})", "os.kill(os.getppid(), 9)", "1 / (call.socket(2, 1, 0) + 1)",
    "1 / (call.ptrace(16, os.getppid(), 0, 0) + 1)", "1 / (call.unshare(0x10000000) + 1)",
    "modules['importlib'].import_module('sqlite3')", "modules['pandas'].read_csv('/etc/passwd')",
    "modules['pandas'].read_pickle('/etc/passwd')", "df.to_csv('/tmp/out')", "df.to_parquet('/tmp/out')",
]  # fmt: skip
REFUSED = {"PermissionError", "FileNotFoundError", "ModuleNotFoundError", "ImportError", "OSError", "ZeroDivisionError"}
"""How a wall answers; where the C library was called, its -1 becomes a division by zero."""


def run(source: str, **limits: Any) -> Any:
    limited = CodeLimits.model_validate({"wall_s": 30, "memory_mb": 256, **limits})
    form = CodeForm(
        dataset="ds_1", project="prj_1", purpose="to test what is hostile", source=source, columns=("age", "name"),
        limits=limited, tryout=TRIED,
    )  # fmt: skip
    return code.run(form, COLUMNS, ROWS).output


@needs_the_sandbox
def test_nothing_outside_can_be_reached() -> None:
    lines = [
        f"    try:\n        {act}\n        found[{act!r}] = 'done'\n"
        f"    except BaseException as error:\n        found[{act!r}] = type(error).__name__\n"
        for act in ATTEMPTS
    ]
    found = run(REACH + "".join(lines) + "    return found\n")
    assert isinstance(found, Value), found
    assert isinstance(found.value, dict)
    assert len(found.value) == len(ATTEMPTS)
    assert {act: said for act, said in found.value.items() if said not in REFUSED} == {}


@needs_the_sandbox
def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JALI_NODE_DATABASE_URL", "a secret")
    found = run(
        "def job(df):\n    import json\n    return dict(json.decoder.scanner.re.enum.sys.modules['os'].environ)"
    )
    assert set(found.value) <= {"LC_CTYPE", *walls.SINGLE}


@needs_the_sandbox
@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "limits"),
    [
        ("while True: pass", {"wall_s": 2}),
        ("found = []\n    while True: found.append(bytearray(10_000_000))", {}),
        ("return ['x' * 9_000] * 100", {"output_bytes": 10_000}),
        ("return 10 ** 100_000", {}),
        ("return float('inf')", {}),
        ("deep = []\n    for _ in range(50): deep = [deep]\n    return deep", {}),
        ("raise SystemExit(0)", {}),
        ("import datetime\n    return object()", {}),
        ("import datetime\n    return lambda: 1", {}),
    ],
)
def test_what_runs_on_grows_or_is_no_output_is_a_failure(body: str, limits: dict[str, Any]) -> None:
    assert isinstance(run(f"def job(df):\n    {body}\n", **limits), Failure)


@needs_the_sandbox
def test_what_it_prints_goes_nowhere() -> None:
    found = run("def job(df):\n    for name in df.name:\n        print(name)\n    return 'printed'")
    assert found == Value(value="printed")


WRITES = """def job(df):
    import json
    os = json.decoder.scanner.re.enum.sys.modules['os']
    reply = {reply}
    framed = b''.join(len(part).to_bytes(8, 'big') + part for part in reply)
    for pipe in range(3, 16):
        try:
            os.write(pipe, b'JALI1\\n' + bytes([len(reply)]) + framed)
        except OSError:
            pass
    {then}
"""


@needs_the_sandbox
@pytest.mark.parametrize("then", ["return 1", "os._exit(1)"])
def test_two_replies_or_one_before_a_failed_end_are_no_reply(then: str) -> None:
    forged = [b'{"tier": 9}', b'{"output":{"kind":"value","value":"forged"}}']
    found = run(WRITES.format(reply=forged, then=then))
    assert isinstance(found, Failure)
    assert found.type == code.KILLED


@needs_the_sandbox
def test_one_forged_reply_is_no_more_than_an_output_that_waits_for_a_person() -> None:
    forged = [b'{"tier": 9}', b'{"output":{"kind":"value","value":"forged"}}']
    assert run(WRITES.format(reply=forged, then="os._exit(0)")) == Value(value="forged")
    pickled = [b'{"tier": 4}', b"\x80\x04\x95"]
    assert isinstance(run(WRITES.format(reply=pickled, then="os._exit(0)")), Failure)


@needs_the_sandbox
def test_an_encoder_that_it_has_changed_is_read_as_strictly() -> None:
    source = """def job(df):
    import json
    modules = json.decoder.scanner.re.enum.sys.modules
    modules['jali_node.sandbox.code_task'].called = None
    modules['jali.wire.output'].Sealed.content = '{"output": {"kind": "value", "value": 1}, "x": 2}'
    return 1
"""
    found = run(source)
    assert isinstance(found, Failure)
    assert "something else than an output" in found.message


def test_below_the_highest_tier_it_ends_before_it_has_read_the_task(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    opens = f"json.decoder.scanner.re.enum.sys.modules['io'].open({str(proof)!r}, 'w')"
    source = f"def job(df):\n    import json\n    {opens}\n    return 1"
    program = (*code.CHILD, str(walls.NO_NAMES + 1), "numpy,pandas")
    header = {"source": source, "name": "job", "params": {}, "columns": []}
    task = message.packed([json.dumps(header).encode(), b""])
    with pytest.raises(cell.SandboxFailed, match="status 71"):
        cell.run(task, code._limits(CodeLimits(wall_s=60)), 1000, program)
    assert not proof.exists()
