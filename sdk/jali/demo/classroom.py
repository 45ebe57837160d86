"""Nodes for a notebook: real ones, each in a process of its own, started by a cell and gone when the notebook ends.

Their owner grants every request within a second, since nobody is there to read it. All else is as anywhere.
"""

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import jali
from jali.demo.houses import PROJECT, House, furnish
from jali.demo.part import Part
from jali.demo.processes import Processes
from jali.errors import JaliError
from jali.owner import Owner
from jali.wire.request import RequestStatus

LOOKS_EVERY_S = 0.5


def clinic(unit: str = "entity") -> House:
    """Start a node with the made-up clinic's visits, where a privacy unit is a person; with "row", a single visit.

    Example::

        place = classroom.clinic()
        node = jali.connect(place.url, place.scientist_token)
    """
    from jali.demo import cohort

    return _opened((cohort.part(unit),))["Clinic"]


def insurers(*names: str) -> Mapping[str, House]:
    """Start three nodes, each with one insurer's part of the RAND Health Insurance Experiment, or those of these names.

    Raises:
        ImportError: statsmodels, which brings the data, is not there.
    """
    try:
        from jali.demo import table
    except ImportError as failure:
        raise ImportError("these data come with an extra: pip install 'jali[demo]'") from failure
    return _opened(tuple(part for part in table.parts() if not names or part.name in names))


def _opened(parts: tuple[Part, ...]) -> dict[str, House]:
    root = Path(tempfile.mkdtemp(prefix="jali-classroom-"))
    processes, ended = Processes(root / "nodes.log"), threading.Event()
    atexit.register(_close, processes, ended, root, os.getpid())
    houses = furnish(processes, parts, root, _say_nothing, worker=False)
    owners = [jali.connect(house.url, house.owner_token).owner for house in houses]
    threading.Thread(target=_grant, args=(owners, ended), daemon=True, name="the owners").start()
    names = " and ".join(f"{house.part.name} at {house.url}" for house in houses)
    print(f"started: {names}; project {PROJECT!r}")
    return {house.part.name: house for house in houses}


def _grant(owners: list[Owner], ended: threading.Event) -> None:
    """Grant what is asked, until the notebook ends."""
    while not ended.wait(LOOKS_EVERY_S):
        for owner in owners:
            try:
                for request in owner.requests():
                    if request.status is RequestStatus.SUBMITTED:
                        owner.decide(request, RequestStatus.GRANTED)
            except JaliError:  # the node is being stopped
                return


def _close(processes: Processes, ended: threading.Event, root: Path, opener: int) -> None:
    if os.getpid() != opener:  # a fork of the notebook
        return
    ended.set()
    processes.stop()
    shutil.rmtree(root, ignore_errors=True)


def _say_nothing(text: str) -> None:
    """Leave the notebook's output to its reader."""
