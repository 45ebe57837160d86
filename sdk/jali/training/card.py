"""A model's card: what it predicts, on which rows it was trained, how privately, and where the records are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from jali.wire.dataset import Column, Dataset, Picture
from jali.wire.features import Way, column_of, described
from jali.wire.jobs.train import Job, Metrics, Training

PACKAGES = ("jali", "torch")
USE = """\
    from jali.training import results
    model = results.opened(".")     # a torch.nn.Module, in evaluation mode"""
SEVERAL = (
    "A person may be at every node, so these compose; the cap holds per node, and no ledger caps the composed loss."
)


@dataclass(frozen=True)
class Origin:
    """What one node gave: the job there, the dataset, and the digests of its replies, round by round."""

    node_id: str
    job: Job
    dataset: Dataset
    replies: Sequence[str]


def facts(training: Training, origins: Mapping[str, Origin]) -> dict[str, Any]:
    """Return where a model comes from, as plain JSON: what `README.md` says, for machines."""
    return {
        "training": {**training.model_dump(mode="json", exclude={"graph"}), "graph_digest": training.graph.digest},
        "nodes": {name: _node_facts(origin) for name, origin in origins.items()},
        "versions": {name: version(name) for name in PACKAGES},
    }


def card(training: Training, origins: Mapping[str, Origin], metrics: Metrics | None = None) -> str:
    """Return the same as a page in Markdown. What comes from a node stands in code marks, and so is only text."""
    dataset = next(iter(origins.values())).dataset
    columns = {column.name: column for column in dataset.all_columns}
    units = sorted({origin.job.quote.unit for origin in origins.values()})
    one, many = (" or ".join(words) for words in (units, [unit.plural for unit in units]))
    parts = [
        f"# A model that predicts {_code(training.target.describe())}",
        _text(training.purpose),
        "## What it reads",
        "\n".join(f"- {_feature(feature, columns[column_of(feature)])}" for feature in training.features),
        "The features enter in this order; a category takes one input for each of its values, where nothing else is "
        "said.",
        "## What it is",
        "\n".join(f"    {line}" for line in training.graph.describe()),
        "## How it was trained",
        f"{training.rounds} rounds of {training.steps} steps of DP-SGD by {training.walk}, {training.a_step(many)} a "
        f"step, learning rate {training.learning_rate:g}, {training.schedule.describe()}, each {one}'s gradient "
        f"clipped to Euclidean norm {training.clip_norm:g}; "
        f"after each round {training.leaving} left"
        + (", and were averaged over the nodes." if len(origins) > 1 else "."),
        "## Privacy",
        "\n".join(f"- {_promise(name, origin)}" for name, origin in origins.items()),
        *([SEVERAL] if len(origins) > 1 else []),
        "Whatever is done with the model keeps these promises: it was computed from released weights alone.",
        "## Metrics",
        "None were released with this model. A figure on rows that were used in training is optimistic."
        if metrics is None
        else f"On rows that were held out: {metrics.describe()}.",
        "## Records",
        "\n".join(f"- {_records(name, origin)}" for name, origin in origins.items()),
        "`training.json` holds the digest of each reply; a node's ledger has it in the `spend.committed` entry of the "
        "job and round. `jali verify` follows the chain.",
        "## Use",
        USE,
        "Versions: " + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    ]
    return "\n\n".join(parts) + "\n"


def _node_facts(origin: Origin) -> dict[str, Any]:
    job, dataset = origin.job, origin.dataset
    return {
        "node": origin.node_id,
        "job": job.id,
        "digest": job.digest,
        "revision": job.revision,
        "approved_at": None if job.decided_at is None else job.decided_at.isoformat(),
        "dataset": {"id": dataset.id, "name": dataset.name, "version": dataset.version, "rows": dataset.size},
        "unit": dataset.population.unit.value,
        "max_rows": dataset.max_rows,
        "privacy": job.quote.model_dump(mode="json", exclude={"fits", "fitting", "effort"}),
        "replies": list(origin.replies),
    }


def _promise(name: str, origin: Origin) -> str:
    quote, dataset = origin.job.quote, origin.dataset
    sampled = "full batch" if quote.sampling_rate >= 1 else f"sampling rate {quote.sampling_rate:.4g}"
    return (
        f"{_code(name)}: (ε {quote.price:.4g}, δ {quote.delta:g}) for each {quote.protected} of {_code(dataset.name)}; "
        f"noise multiplier {quote.noise_multiplier:.4g}, {sampled}, {quote.numerics}"
    )


def _records(name: str, origin: Origin) -> str:
    job, dataset = origin.job, origin.dataset
    return (
        f"{_code(name)}, node {_code(origin.node_id)}: job {_code(job.id)} with digest {_code(job.digest)}, dataset "
        f"version {_code(dataset.version)}, about {dataset.size:,} rows, {len(origin.replies)} replies"
    )


def _feature(feature: str | Way, column: Column | Picture) -> str:
    shown = _code(described(feature))
    if isinstance(column, Picture):
        return f"{shown}: {column.describe()}, from 0 to 1, {', '.join(map(str, column.shape))}"
    if column.categories:
        return f"{shown}: one of {', '.join(_code(value) for value in column.categories)}"
    bounds = "" if column.bounds is None else f", {column.bounds[0]:g} to {column.bounds[1]:g}"
    return f"{shown}: {column.type}{bounds}"


def _code(text: str) -> str:
    return f"`{' '.join(text.split()).replace('`', chr(39))}`"


def _text(text: str) -> str:
    return " ".join(text.split()).replace("<", "‹").replace(">", "›")
