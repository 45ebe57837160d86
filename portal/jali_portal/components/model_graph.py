"""A model graph, drawn as an image: nodes in layers from the inputs down, an arrow for each value that is passed on.

Nothing is loaded and nothing runs: the drawing is a self-contained SVG. Everything that it shows is escaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from jali_portal.components import markup

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 54, 36, 44, 16
LABEL_CHARS, SETTINGS_CHARS = 22, 30
INK, QUIET, LINE, PAPER, TINT = "#17242b", "#4b5a60", "#7c8c92", "#ffffff", "#e8f1f2"


@dataclass(frozen=True)
class GraphNode:
    """One step of a model: what it is, which steps it reads, and its settings."""

    id: str
    kind: str
    inputs: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "GraphNode":
        """Return a node from `{id, kind, inputs, settings}`."""
        return cls(
            str(record["id"]),
            str(record["kind"]),
            tuple(map(str, record.get("inputs") or ())),
            dict(record.get("settings") or {}),
        )

    @property
    def settings_text(self) -> str:
        """The settings on one line."""
        return ", ".join(f"{name} {value}" for name, value in self.settings.items())


def draw(records: Iterable[Mapping[str, Any]]) -> None:
    """Draw a graph, and below it the same as a table, for readers who do not see the drawing."""
    nodes = [GraphNode.from_record(record) for record in records]
    if not nodes:
        markup.empty("The model has no steps", "There is nothing to draw.")
        return
    picture, width = svg(nodes)
    markup.image(picture, f"Model graph of {len(nodes)} steps, listed in the table below", f"{width}px")
    markup.table(
        ("Step", "Kind", "Reads", "Settings"),
        [(node.id, node.kind, ", ".join(node.inputs) or "the features", node.settings_text) for node in nodes],
    )


def layers(nodes: Sequence[GraphNode]) -> list[list[GraphNode]]:
    """Return the nodes by layer: each stands below all that it reads. Steps in a circle share the last layer."""
    depth: dict[str, int] = {}
    waiting = list(nodes)
    known = {node.id for node in nodes}
    while waiting:
        ready = [node for node in waiting if all(name in depth for name in node.inputs if name in known)]
        if not ready:
            last = max(depth.values(), default=-1) + 1
            depth.update((node.id, last) for node in waiting)
            break
        for node in ready:
            depth[node.id] = 1 + max((depth[name] for name in node.inputs if name in depth), default=-1)
        waiting = [node for node in waiting if node.id not in depth]
    rows: list[list[GraphNode]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        rows[depth[node.id]].append(node)
    return rows


def svg(nodes: Sequence[GraphNode]) -> tuple[str, int]:
    """Return the drawing and its width in pixels."""
    rows = layers(nodes)
    widest = max(map(len, rows), default=1)
    width = 2 * MARGIN + widest * BOX_WIDTH + (widest - 1) * GAP_X
    height = 2 * MARGIN + len(rows) * BOX_HEIGHT + (len(rows) - 1) * GAP_Y
    places: dict[str, tuple[float, float]] = {}
    for level, row in enumerate(rows):
        start = (width - len(row) * BOX_WIDTH - (len(row) - 1) * GAP_X) / 2
        for i, node in enumerate(row):
            places[node.id] = (start + i * (BOX_WIDTH + GAP_X), MARGIN + level * (BOX_HEIGHT + GAP_Y))
    arrows = "".join(_arrow(places[name], places[node.id]) for node in nodes for name in node.inputs if name in places)
    boxes = "".join(_box(node, *places[node.id]) for node in nodes)
    head = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{LINE}"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="Inter, system-ui, sans-serif">{head}{arrows}{boxes}</svg>',
        width,
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + BOX_WIDTH / 2, start[1] + BOX_HEIGHT
    x2, y2 = end[0] + BOX_WIDTH / 2, end[1]
    bend = max(GAP_Y / 2, abs(y2 - y1) / 2)
    return (
        f'<path d="M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}" fill="none" '
        f'stroke="{LINE}" stroke-width="1.5" marker-end="url(#tip)"/>'
    )


def _box(node: GraphNode, x: float, y: float) -> str:
    settings = _short(node.settings_text, SETTINGS_CHARS)
    fill = PAPER if node.inputs else TINT
    kind_y = y + (23 if settings else 32)
    return (
        f"<g><title>{escape(node.id)}: {escape(node.kind)} {escape(node.settings_text)}</title>"
        f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7" fill="{fill}" stroke="{LINE}"/>'
        f'<text x="{x + 12:g}" y="{kind_y:g}" font-size="13" font-weight="600" fill="{INK}">'
        f"{escape(_short(node.kind, LABEL_CHARS))}</text>"
        f'<text x="{x + BOX_WIDTH - 12:g}" y="{kind_y:g}" font-size="11" text-anchor="end" fill="{QUIET}">'
        f"{escape(_short(node.id, 10))}</text>"
        f'<text x="{x + 12:g}" y="{y + 41:g}" font-size="11" fill="{QUIET}">{escape(settings)}</text></g>'
    )


def _short(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"
