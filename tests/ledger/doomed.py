"""Run as a process of its own: asks one question of a node and is killed (SIGKILL, by itself) at one point of its way.

Points: `before-begin`, all of reserve and begin is done but not committed; `after-begin`, at the first touch of a row;
`while-storing`, release and commit are written but not committed; `after-commit`, just before the answer leaves.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from jali.wire.person import Role
from jali.wire.query import Query
from jali_node.actions.queries.ask import ask
from jali_node.app import open_node
from jali_node.engine.warehouse import Warehouse
from jali_node.ledger import book
from jali_node.people.caller import Caller
from jali_node.settings import Settings
from jali_node.tables import PersonRow


def die(*args: Any, **kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(step: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*args: Any) -> None:
        step(*args)
        die()

    return stepped


def main(folder: str, url: str, point: str, question: str) -> None:
    if point == "before-begin":
        book.spend = then_die(book.spend)
    if point == "after-begin":
        Warehouse.tallies = die  # type: ignore[method-assign, assignment]
    if point == "while-storing":
        book.commit = then_die(book.commit)
    node = open_node(Settings(folder=Path(folder), database_url=url, timed_release=False))  # type: ignore[arg-type]
    query = Query.model_validate(json.loads(question))
    with node.database.reading() as session:
        person = session.scalars(select(PersonRow).where(PersonRow.role == Role.DATA_SCIENTIST)).one()
    ask(node, Caller(person.id, person.name, Role.DATA_SCIENTIST, frozenset({query.project})), query)
    die()


if __name__ == "__main__":
    main(*sys.argv[1:])
