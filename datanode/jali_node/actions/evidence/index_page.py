"""The page that an auditor opens first: the whole pack in words, without scripts and without links to elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from jali.wire.changes import said
from jali.wire.evidence import DecisionFact, OutputFacts, ProjectFacts, ReleaseFacts, RoundFacts, WishFacts
from jali.wire.ledger import LedgerEntry
from jali.wire.money import from_fixed
from jali.wire.output import shape_of

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2330 }
h1 { font-size: 1.6rem } h2 { margin-top: 2.5rem; border-bottom: 1px solid #cfd6e0 } h3 { margin: 2rem 0 .3rem }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #e4e9f0 }
td { overflow-wrap: anywhere } code { font-size: .85em; overflow-wrap: anywhere } .quiet { color: #5b6675 }
.facts td:first-child { width: 11rem }
""".strip()
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Shown:
    """Everything that a pack holds."""

    node_id: str
    node_name: str
    made_at: datetime
    seq: int
    head: str
    facts: ProjectFacts
    wishes: Sequence[WishFacts]
    releases: Sequence[ReleaseFacts]
    rounds: Sequence[RoundFacts]
    outputs: Sequence[OutputFacts]
    entries: Sequence[LedgerEntry]

    def name(self, identity: str | None) -> str:
        """Return a person's or dataset's name; the id where there is no name any more."""
        return self.facts.names.get(identity or "", identity or "")


def page(shown: Shown) -> str:
    """Return the page as HTML."""
    parts = [
        _head(shown),
        _project(shown),
        _wishes(shown),
        _releases(shown),
        _rounds(shown),
        _outputs(shown),
        _ledger(shown),
    ]
    title = f"Evidence: {shown.facts.project.name}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(filter(None, parts))
        + "\n</body></html>\n"
    )


def _head(shown: Shown) -> str:
    facts = {
        "Node": f"{shown.node_name} ({shown.node_id})",
        "Made": _time(shown.made_at),
        "Ledger": f"{len(shown.entries)} of {shown.seq} entries concern this project and are in this pack; of the "
        "others it holds digests, so that the whole chain can be walked",
        "Checkpoint": f"entry {shown.seq}, {shown.head}",
    }
    return (
        _table(None, facts.items())
        + "<p>Do not rely on this page alone: it is one of the files that the pack's manifest names. With the Jali SDK "
        "installed and no connection to the node, <code>jali verify PACK.zip --key NODE</code> checks every file, the "
        "signature, the chain, and that each decision and release here is the one that the chain records. NODE is the "
        "node's id as you know it from elsewhere.</p>"
        "<p class=quiet>It shows that the records are unaltered. It cannot show that noise was honest, nor that "
        "nothing which concerns the project was left out: both are the node's word.</p>"
    )


def _project(shown: Shown) -> str:
    project = shown.facts.project
    rows = [("Purpose", project.purpose), ("Stands on", project.describe()), ("Id", project.id)]
    rows.append(("Members now", ", ".join(member.name for member in project.members) or "nobody"))
    rows += [
        (f"Dataset {table.name}", f"{table.title}; population {table.population}, {table.units} {table.unit}s")
        for table in shown.facts.tables
    ]
    return "<h2>Project</h2>" + _table(None, rows)


def _wishes(shown: Shown) -> str:
    blocks = [_wish(shown, wish) for wish in shown.wishes]
    return f"<h2>Requests and decisions ({len(blocks)})</h2>" + ("".join(blocks) or "<p>None was filed.</p>")


def _wish(shown: Shown, wish: WishFacts) -> str:
    newest = wish.revisions[-1]
    facts: list[tuple[str, Any]] = [("Asked by", shown.name(wish.person)), ("Filed", _time(wish.created_at))]
    facts += [(key, said(value)) for key, value in newest.content.items() if key not in ("graph", "project", "dataset")]
    if wish.grant:
        facts.append(("Grant", f"{wish.grant}, until {_time(wish.expires_at)}"))
    title = f"{wish.kind}, {shown.name(wish.dataset)}: {wish.status}, revision {wish.revision}"
    parts = [f"<h3>{escape(title)}</h3><p class=quiet><code>{escape(wish.id)}</code></p>", _table(None, facts)]
    parts.append(_table(("Entry", "When", "Decision", "By", "Reason"), [_decision(shown, d) for d in wish.decisions]))
    if wish.discussion:
        lines = [
            (_time(remark.at), remark.person_name or "a rule or the calendar", f"{remark.happened}. {remark.text}")
            for remark in wish.discussion
        ]
        parts.append(_table(("When", "Who", "What was done and said"), lines))
    digests = [(revision.number, revision.digest) for revision in wish.revisions]
    parts.append(_table(("Revision", "Digest that decisions are bound to"), digests))
    return "".join(parts)


def _decision(shown: Shown, made: DecisionFact) -> tuple[object, ...]:
    by = shown.name(made.by) if made.by else "a rule of the policy"
    return made.entry, _time(made.at), made.outcome, by, made.reason


def _releases(shown: Shown) -> str:
    rows = [
        (_time(each.created_at), shown.name(each.person), each.asks, f"{each.epsilon:g}", each.id)
        for each in shown.releases
    ]
    said = "<p class=quiet>The measurements, as they were released, are in releases.jsonl.</p>" if rows else ""
    head = ("When", "To", "What", "Epsilon", "Id")
    return f"<h2>Releases ({len(rows)})</h2>{said}" + (_table(head, rows) or "<p>Nothing was released.</p>")


def _rounds(shown: Shown) -> str:
    rows = [(each.job, each.number, _time(each.done_at), each.reply) for each in shown.rounds]
    if not rows:
        return ""
    return f"<h2>Rounds of trainings ({len(rows)})</h2>" + _table(("Job", "Round", "When", "Digest of the reply"), rows)


def _outputs(shown: Shown) -> str:
    if not shown.outputs:
        return ""
    rows = [(each.job, _time(each.released_at), shape_of(each.output)) for each in shown.outputs]
    told = "No epsilon covers them: with the first, the promise to their population ended. They are in outputs.jsonl."
    return f"<h2>Outputs of code jobs ({len(rows)})</h2><p>{told}</p>" + _table(("Job", "Released", "What it is"), rows)


def _ledger(shown: Shown) -> str:
    rows = [(entry.seq, _time(entry.at), entry.kind, _who(shown, entry), _about(entry)) for entry in shown.entries]
    return "<h2>Ledger</h2>" + _table(("Entry", "When", "What", "Who", "About"), rows)


def _who(shown: Shown, entry: LedgerEntry) -> str:
    return shown.name(entry.body.get("by") or entry.body.get("person"))


def _about(entry: LedgerEntry) -> str:
    body = entry.body
    told = [
        str(body[key]) for key in ("outcome", "request", "subject", "job", "release", "grant", "spend") if key in body
    ]
    if "price" in body:
        told.append(f"epsilon {from_fixed(body['price']):.4g}")
    return ", ".join(told[:3])


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _table(head: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> str:
    lines = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    if not lines:
        return ""
    top = "" if head is None else "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"
    return (
        f"<table{' class=facts' if head is None else ''}>{top}"
        + "".join(f"<tr>{line}</tr>" for line in lines)
        + "</table>"
    )
