"""A stored dataset version, as the engines know it."""

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from jali_node.engine.file import File
from jali_node.engine.linked import POSTGRESQL, SPARK, Link, Linked
from jali_node.engine.warehouse import Snapshot
from jali_node.store.catalog import Registered


def snapshot(registered: Registered) -> Snapshot | Linked:
    """Return the version's file, or where else its table is, with its declared columns."""
    version, columns = registered.version, registered.card.columns
    if link := link_of(version.path):
        return Linked(version.id, link, columns)
    file = File(Path(version.path), version.sha256, version.size, version.mtime_ns)
    return Snapshot(version.id, file, columns, registered.card.pictures)


def address(link: Link) -> str:
    """Return a link as it is stored in the place of a file's path.

    >>> address(Link("postgresql", "warehouse", "public.visits", "2026-11-01"))
    'postgresql://warehouse/public.visits#2026-11-01'
    """
    return f"{link.engine}://{quote(link.source)}/{quote(link.table)}#{quote(link.snapshot)}"


def link_of(path: str) -> Link | None:
    """Return the link that an address stands for; None for a file's path.

    >>> link_of("spark://spark//data/visits#today")
    Link(engine='spark', source='spark', table='/data/visits', snapshot='today')
    """
    parts = urlsplit(path)
    if parts.scheme not in (POSTGRESQL, SPARK):
        return None
    return Link(parts.scheme, unquote(parts.netloc), unquote(parts.path[1:]), unquote(parts.fragment))
