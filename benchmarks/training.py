"""`make bench-training`: what private models reach, and what privacy costs in time, beside Opacus and plain PyTorch.

Times are taken side by side in one run, in turns, as medians of five; what is said of them is ratios. Accuracies are
held against those of the prototype or those that Opacus publishes. Not reaching a figure is a result, not a failure:
the exit status is 0. Adult and MNIST are read from the folder that `JALI_BENCH_DATA` names.
"""

import argparse
import time
from importlib.metadata import version

from benchmarks import census, loops, mnist, report, tumours
from benchmarks.report import Row

PARTS = {
    "speed": loops.loop_rows,
    "adult": census.census_rows,
    "tumours": lambda quick: tumours.tumour_rows(),
    "mnist": mnist.mnist_rows,
}


def main() -> None:
    """Measure, print the table, and write it, unless it was the quick one or parts were left out."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="fewer runs and epochs; nothing is written")
    options.add_argument("--skip", nargs="*", default=(), choices=tuple(PARTS), help="parts to leave out")
    chosen = options.parse_args()
    start, rows = time.monotonic(), list[Row]()
    for name, part in PARTS.items():
        if name in chosen.skip:
            print(f"SKIPPED {name}: as asked", flush=True)
            continue
        began = time.monotonic()
        rows += part(chosen.quick)
        print(f"{name} took {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
    report.show(rows)
    if not chosen.quick:
        report.write("training", rows, {name: version(name) for name in ("jali", "torch", "opacus", "numpy")})
    print(f"{(time.monotonic() - start) / 60:.1f} minutes in all", flush=True)


if __name__ == "__main__":
    main()
