"""The tour's second half: a model is approved by its data's owners, and learns where the rows are."""

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import jali
from jali.demo import training
from jali.demo.houses import PURPOSE, House
from jali.demo.table import DATASET, card
from jali.node import Node
from jali.training.federated import FederatedJob
from jali.wire.jobs.train import JobStatus

APPROVAL_TIMEOUT_S = 3600.0
ROUND_TIMEOUT_S = 120.0
CODE = f"""\
model = nn.Sequential(nn.Linear({training.WIDTH}, 16), nn.Tanh(), nn.Linear(16, 1))
what = dict(target={training.TARGET}, features={training.FEATURES},
            epsilon={training.EPSILON:g}, rounds={training.ROUNDS}, steps={training.STEPS}, batch={training.BATCH},
            held_out={training.HELD_OUT:g}, metrics_epsilon={training.METRICS_EPSILON:g})
fed.training_quote(model, **what)"""


def submit(show: Callable[..., None], nodes: list[Node]) -> FederatedJob:
    """Quote a training, and submit it at every node."""
    federated = jali.Federation(nodes)[DATASET]
    model = training.model()
    what = {
        "target": training.TARGET,
        "features": training.FEATURES,
        "epsilon": training.EPSILON,
        "rounds": training.ROUNDS,
        "steps": training.STEPS,
        "batch": training.BATCH,
        "learning_rate": training.LEARNING_RATE,
        "clip_norm": training.CLIP_NORM,
        "held_out": training.HELD_OUT,
        "metrics_epsilon": training.METRICS_EPSILON,
        "purpose": PURPOSE,
    }
    show(federated.training_quote(model, **what), CODE)
    job = federated.train(model, **what)
    show(job, 'job = fed.train(model, **what, purpose="...")')
    return job


def approve(say: Callable[[str], None], houses: list[House], job: FederatedJob, by_hand: bool) -> None:
    """Have every owner approve, the first one by hand if wanted, and wait until they have."""
    for house in houses[1:] if by_hand else houses:
        owner = jali.connect(house.url, house.owner_token).owner
        for waiting in owner.jobs():
            if waiting.status is JobStatus.SUBMITTED:
                owner.decide_job(waiting, JobStatus.APPROVED)
                say(f"{house.part.name}: its owner approves, and ε {waiting.quote.price:.3g} is held")
    job.wait(APPROVAL_TIMEOUT_S)


def learn(say: Callable[[str], None], job: FederatedJob, root: Path) -> object:
    """Train all rounds, saying each, have the nodes measure the model, and return it."""
    started = time.monotonic()
    per_round = next(iter(job.jobs.values())).quote.per_round

    def progress(node: str, number: int, what: str) -> None:
        if what == "done" and number > training.ROUNDS:
            say(f"{node} has measured the model on rows that it kept aside")
        elif what == "done":
            say(f"round {number} of {training.ROUNDS}: {node} has answered (ε {per_round:.3g} were it alone)")

    job.run(root / "run.json", deadline_s=ROUND_TIMEOUT_S, progress=progress)
    say(f"{training.ROUNDS} rounds over {len(job.jobs)} nodes in {time.monotonic() - started:.1f} s")
    say(f"on what the nodes kept aside, all together: {job.metrics.describe()}")
    return job.model()


def report(show: Callable[..., None], model: object, houses: list[House]) -> None:
    """Show how often the model is right on rows that no node has, beside what is possible without privacy."""
    rows = pd.concat([house.part.rows for house in houses])
    held_back = pd.concat([house.part.held_back for house in houses])
    public = card()
    figures = {
        f"trained where the rows are, ε {training.EPSILON:g} at each node": training.accuracy(model, held_back, public),
        "the same, all rows in one place and no privacy": training.accuracy(
            training.without_privacy(rows, public), held_back, public
        ),
        "always the more frequent answer": training.majority(held_back),
    }
    table = pd.DataFrame({"": list(figures), "right on held-back rows": [f"{share:.1%}" for share in figures.values()]})
    show(table, 'job.run("run.json").model()     # tested on rows that only this demo has')
