"""Furnished nodes for benchmarks: a table registered, a data scientist with a token and a grant.

Run as a module it furnishes one node for each answer of a task, in a process of its own, as an owner would have.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from jali.wire.dataset import Card, UnitKind
from jali.wire.person import Role
from jali.wire.request import AccessRequestForm, Decision, RequestStatus
from jali_node.actions.budgets.open_population import open_population
from jali_node.actions.datasets.register_dataset import register_dataset
from jali_node.actions.operations.create_node import create_node, prepare_folder
from jali_node.actions.people.add_person import add_person, add_project
from jali_node.actions.people.create_token import create_token
from jali_node.actions.requests.decide_request import decide_request
from jali_node.actions.requests.file_request import file_request
from jali_node.app import open_node
from jali_node.people import tokens
from jali_node.settings import Settings


def furnish(folder: Path, task: dict[str, Any], cap: float, url: str | None = None) -> dict[str, str]:
    """Make a node that grants all of `cap`, and return where it is and what a question needs.

    Args:
        folder: of the node.
        task: the table, and what is public of it.
        cap: epsilon.
        url: of its database; SQLite in the folder if not given.
    """
    prepare_folder(folder, "bench")
    node = open_node(Settings(folder=folder, database_url=SecretStr(url) if url else None))
    create_node(node, "owner")
    open_population(node, "people", UnitKind.ROW, task["rows"], cap, task["delta"])
    dataset = register_dataset(node, Path(task["table"]), Card.model_validate(card(task)))
    project = add_project(node, "summary", "to measure")
    add_person(node, "scientist", Role.DATA_SCIENTIST, ("summary",))
    texts = {name: create_token(node, name, 30)[0] for name in ("owner", "scientist")}
    with node.database.reading() as session:
        owner, scientist = (tokens.caller(session, text) for text in texts.values())
    form = AccessRequestForm(dataset=dataset.id, project=project.id, purpose="to measure a summary", epsilon=cap)
    wish = file_request(node, scientist, form)
    decide_request(node, owner, wish.id, Decision(digest=wish.digest, outcome=RequestStatus.GRANTED))
    node.close()
    return {"folder": str(folder), "dataset": dataset.id, "project": project.id, "token": texts["scientist"],
            "owner": texts["owner"]}  # fmt: skip


def card(task: dict[str, Any]) -> dict[str, Any]:
    """Return the public card of a task's table."""
    bounded = [
        {"name": name, "type": task["types"][name], "lower": lower, "upper": upper}
        for name, (lower, upper) in task["numbers"].items()
    ]
    named = [{"name": name, "type": "category", "categories": keys} for name, keys in task["categories"].items()]
    return {"name": "table", "title": "Table", "population": "people", "columns": [*bounded, *named]}


if __name__ == "__main__":
    given, where = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    print(json.dumps([furnish(where / str(i), given, given["cap"]) for i in range(given["repeats"])]))
