"""What runs in a code job's cell, as `python -I -m jali_node.sandbox.code_child TIER PACKAGES LIMITS`.

It loads the packages, closes the walls, and unless they reach the tier ends without having read a byte of the task.
Then it compiles the function and calls it: here, behind the walls, and nowhere else. Standard input holds the task,
standard output takes one reply; whatever the function prints goes nowhere. Since the function runs in this process, the
reply is whatever it likes: its reader treats it so.
"""

import importlib
import json
import os
import sys
import warnings

from jali_node.sandbox import message, walls
from jali_node.sandbox.limits import Limits

LOADED = {
    "numpy": ("numpy.linalg", "numpy.random", "numpy.fft", "numpy.polynomial"),
    "pandas": ("pandas.api.types", "pandas.api.indexers"),
    "scipy": (
        "scipy.stats", "scipy.optimize", "scipy.linalg", "scipy.special", "scipy.interpolate", "scipy.integrate",
        "scipy.signal", "scipy.sparse", "scipy.spatial", "scipy.cluster.vq", "scipy.cluster.hierarchy",
    ),
    "sklearn": (
        "sklearn.linear_model", "sklearn.ensemble", "sklearn.tree", "sklearn.cluster", "sklearn.preprocessing",
        "sklearn.model_selection", "sklearn.metrics", "sklearn.decomposition", "sklearn.pipeline",
    ),
    "statsmodels": ("statsmodels.api", "statsmodels.formula.api"),
}  # fmt: skip
"""What of each package is loaded before the walls close; afterwards no file can be opened."""
TOO_LOW = 71


def main() -> None:
    """Load, close the walls, run, reply."""
    needed, packages, limits = int(sys.argv[1]), sys.argv[2].split(","), Limits.of(sys.argv[3:])
    replies = os.dup(sys.stdout.fileno())
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    walls.close_early(limits)
    _load(packages)

    from jali_node.sandbox import code_task  # after the first walls, before the last: it loads pandas

    code_task.warm_up()
    tier = walls.close(limits)
    if tier < needed:
        os._exit(TOO_LOW)
    reply = message.packed([json.dumps({"tier": tier}).encode(), code_task.done(sys.stdin.buffer.read())])
    with os.fdopen(replies, "wb") as pipe:
        pipe.write(reply)
    os._exit(0)  # whatever the function left for the end is not run


def _load(packages: list[str]) -> None:
    from jali.wire.source import STANDARD

    warnings.simplefilter("ignore")
    for name in (*sorted(STANDARD), *packages):
        importlib.import_module(name)
        for part in LOADED.get(name, ()):
            importlib.import_module(part)


if __name__ == "__main__":
    try:
        main()
    except BaseException:  # a traceback could show what a row holds
        os._exit(70)
