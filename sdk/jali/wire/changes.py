"""What differs between two revisions of a wish, field by field. Pure: two JSON values in, changes out.

Lists of names are compared as sets, a model's layers by what they are rather than by their numbers: a layer that is put
in between renames all that follow, and only the one is new.

>>> [change.describe() for change in compared({"epsilon": 1.0, "columns": ["age"]}, {"epsilon": 0.5, "columns": None})]
['columns: ["age"] -> nothing', 'epsilon: 1.0 -> 0.5']
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal

from jali.wire.base import Reply

SHOWN_CHARS = 200
Json = Any
_MISSING = object()


class Change(Reply):
    """One difference. `field` is a dotted path, such as `training.graph.n2.out_features`.

    `before` and `after` are JSON values; the one that there is none of is None, and `what` says so.
    """

    field: str
    what: Literal["added", "removed", "changed"]
    before: Json = None
    after: Json = None

    def describe(self) -> str:
        """Say it in one line."""
        if self.what == "added":
            return f"{self.field}: added {said(self.after)}"
        if self.what == "removed":
            return f"{self.field}: removed {said(self.before)}"
        return f"{self.field}: {said(self.before)} -> {said(self.after)}"


class Changes(Reply):
    """Two revisions of a request or job, and what differs."""

    before: int
    after: int
    changes: tuple[Change, ...]


def said(value: Json) -> str:
    """Return a value as a line of text: text as it is, the rest as JSON, what is long cut."""
    text = value if isinstance(value, str) else "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def compared(before: Json, after: Json) -> tuple[Change, ...]:
    """Return what differs, ordered by field."""
    return tuple(sorted(_compared("", before, after), key=lambda change: change.field))


def _compared(field: str, before: Json, after: Json) -> Iterator[Change]:
    if before is _MISSING:
        yield Change(field=field, what="added", after=after)
    elif after is _MISSING:
        yield Change(field=field, what="removed", before=before)
    elif _is_graph(before) and _is_graph(after):
        yield from _graphs(field, before, after)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _compared(_inside(field, name), before.get(name, _MISSING), after.get(name, _MISSING))
    elif _are_names(before) and _are_names(after):
        yield from _names(field, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            yield from _compared(_inside(field, str(place)), _at(before, place), _at(after, place))
    elif before != after or type(before) is not type(after):
        yield Change(field=field, what="changed", before=before, after=after)


def _names(field: str, before: list[str], after: list[str]) -> Iterator[Change]:
    gone, new = [name for name in before if name not in after], [name for name in after if name not in before]
    for name in gone:
        yield Change(field=field, what="removed", before=name)
    for name in new:
        yield Change(field=field, what="added", after=name)
    if not gone and not new and before != after:
        yield Change(field=field, what="changed", before=before, after=after)


def _graphs(field: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Change]:
    """Compare layers that are the same but for their names, then those between them, kind by kind."""
    old, new = before["nodes"], after["nodes"]
    pairs = _paired(old, new)
    names = {"input": "input", **{layer["id"]: f"{layer['id']} (gone)" for layer in old}}
    names.update({old[i]["id"]: new[j]["id"] for i, j in pairs})
    for i, j in pairs:
        renamed = {**old[i], "id": new[j]["id"], "inputs": [names.get(name, name) for name in old[i]["inputs"]]}
        yield from _compared(_inside(field, new[j]["id"]), renamed, new[j])
    for i in sorted(set(range(len(old))) - {i for i, _ in pairs}):
        yield Change(field=_inside(field, old[i]["id"]), what="removed", before=old[i])
    for j in sorted(set(range(len(new))) - {j for _, j in pairs}):
        yield Change(field=_inside(field, new[j]["id"]), what="added", after=new[j])
    rest = {**before, "nodes": None, "output": names.get(before["output"], before["output"])}
    yield from _compared(field, rest, {**after, "nodes": None})


def _paired(before: Sequence[Mapping[str, Json]], after: Sequence[Mapping[str, Json]]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    same = SequenceMatcher(None, [_settings(layer) for layer in before], [_settings(layer) for layer in after], False)
    for what, i1, i2, j1, j2 in same.get_opcodes():
        if what == "equal":
            pairs += zip(range(i1, i2), range(j1, j2), strict=True)
        elif what == "replace":
            kinds = SequenceMatcher(
                None, [layer["kind"] for layer in before[i1:i2]], [layer["kind"] for layer in after[j1:j2]], False
            )
            for match in kinds.get_matching_blocks():
                pairs += [(i1 + match.a + k, j1 + match.b + k) for k in range(match.size)]
    return pairs


def _settings(layer: Mapping[str, Json]) -> str:
    return json.dumps({name: value for name, value in layer.items() if name not in ("id", "inputs")}, sort_keys=True)


def _is_graph(value: Json) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"features", "nodes", "output"} and bool(value["nodes"])


def _are_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value) and len(set(value)) == len(value)


def _at(values: list[Json], place: int) -> Json:
    return values[place] if place < len(values) else _MISSING


def _inside(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
