"""The same summary from a Jali node: four questions, each judged, charged, measured, noised and stored, then figures.

The budget is divided over the questions by the number of statistics that they release. Histograms come from the
description's trees of counts: their first level is twenty bins, and reading them off costs nothing more. Timed release
is off: it finds its times out on made-up rows, once for each kind of question, and does not compute while it waits.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
from measured import Answer, Task, run

from jali import estimates
from jali.estimates import tree
from jali.wire.money import from_fixed, to_fixed
from jali.wire.query import Query
from jali.wire.release import Release
from jali.wire.statistics import Describe, GroupBy, Mean, Statistic, ValueCounts
from jali_node.actions.queries.ask import ask
from jali_node.app import open_node
from jali_node.ledger import accountant, book
from jali_node.ledger.event import Gaussian
from jali_node.ledger.terms import Terms
from jali_node.node import Node
from jali_node.people import tokens
from jali_node.people.caller import Caller
from jali_node.settings import Settings
from jali_node.statistics.plan import multiplier
from jali_node.tables import AccountRow

_opened: list[tuple[Node, Caller]] = []


def sign_in(task: Task) -> None:
    """Open the nodes, and sign in: a node runs already when it is asked."""
    for house in task["houses"]:
        node = open_node(Settings(folder=Path(house["folder"]), threads=task["threads"], timed_release=False))
        with node.database.reading() as session:
            _opened.append((node, tokens.caller(session, house["token"])))


def answer(task: Task, number: int) -> Answer:
    """Return one summary, asked of a node that has not been asked before."""
    house, group_by, (node, caller) = task["houses"][number], task["group_by"], _opened[number]
    each = 3 + len(task["levels"])
    asked: list[tuple[Statistic, int]] = [
        (Describe(columns=tuple(task["numbers"])), 1 + each * len(task["numbers"])),
        *((ValueCounts(column=name), 1) for name in task["categories"]),
        (GroupBy(keys=tuple(group_by["keys"]), of=Mean(column=group_by["of"])), 2),
    ]
    with node.database.reading() as session:
        terms = book.terms(session.query(AccountRow).first())
    whole, about = sum(weight for _, weight in asked), {"dataset": house["dataset"], "project": house["project"]}
    releases = [
        ask(node, caller, Query(statistic=statistic, epsilon=price(task, terms, Fraction(weight, whole)), **about))
        for statistic, weight in asked
    ]
    node.close()
    return _answer(task, releases)


def price(task: Task, terms: Terms, share: Fraction) -> float:
    """Return what a question costs that may use up this share of the account."""
    rho = accountant.concentrated_for(to_fixed(task["epsilon"]), terms, 100) * share
    return from_fixed(accountant.price(accountant.charge(Gaussian(multiplier(rho)), terms), terms))


def _answer(task: Task, releases: list[Release]) -> Answer:
    described, *counted, grouped = releases
    rows = estimates.rows(described.statistic, described.columns, described.measurements)
    found = {(row.key[0], row.figure): row.value for row in rows}
    levels = [f"{level:.0%}" for level in task["levels"]]
    return {
        "count": found[next(iter(task["numbers"])), "count"],
        "mean": {name: found[name, "mean"] for name in task["numbers"]},
        "std": {name: found[name, "std"] for name in task["numbers"]},
        "quantiles": {name: [found[name, level] for level in levels] for name in task["numbers"]},
        "histogram": {name: _histogram(described, name, task["bins"]) for name in task["numbers"]},
        "value_counts": {release.statistic.column: _figures(release, "count")[:-1] for release in counted},
        "group_mean": {
            "|".join(row.key): row.value
            for row in estimates.rows(grouped.statistic, grouped.columns, grouped.measurements)
            if row.figure == "mean"
        },
    }


def _figures(release: Release, figure: str) -> list[float]:
    rows = estimates.rows(release.statistic, release.columns, release.measurements)
    return [row.value for row in rows if row.figure == figure]


def _histogram(described: Release, name: str, bins: int) -> list[float]:
    leaves = tree.consistent_leaves(np.asarray(described.measurements[f"tree:{name}"].values, dtype=float))
    return [max(0.0, float(count)) for count in leaves.reshape(bins, -1).sum(axis=1)]


if __name__ == "__main__":
    run(answer, ("jali", "duckdb", "opendp", "sqlalchemy"), sign_in)
