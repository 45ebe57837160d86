"""Environments of their own for peers: one for each requirements file, made once."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.tables import cache

PEERS = Path(__file__).parent / "peers"


def python(name: str) -> str | None:
    """Return the interpreter of a peer's environment, made first where there is none.

    Returns None, and says why, where its packages cannot be installed.
    """
    requirements = PEERS / f"{name}.txt"
    mark = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{mark}"
    interpreter, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        print(f"making the environment of {name}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        made = subprocess.run([*command, "-r", str(requirements)], capture_output=True, text=True, check=False)  # noqa: S603
        if made.returncode:
            print(f"SKIPPED {name}: its pins cannot be installed here\n{made.stderr[-500:]}", flush=True)
            return None
        done.touch()
    return str(interpreter)
