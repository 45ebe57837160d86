"""The chain: for its owners, and as much of it as everybody may see."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from jali.wire.ledger import ChainReport, Checkpoint, LedgerPage, Links
from jali_node.actions.operations.restore_ledger import entries_of
from jali_node.errors import InvalidRequest
from jali_node.ledger import chain, contents, replay, witness
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store.database import Database


def read_ledger(node: Node, caller: Caller, after: int, limit: int) -> LedgerPage:
    """Return a page of records.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    with node.database.reading() as session:
        return chain.page(session, after, limit)


def read_links(node: Node, after: int, limit: int) -> Links:
    """Return a page of the records' digests. They tell how much is recorded, and nothing of what."""
    with node.database.reading() as session:
        return chain.links(session, after, limit)


def sign_checkpoint(node: Node) -> Checkpoint:
    """Return the chain's last entry, signed.

    Raises:
        LedgerIncomplete: the chain lacks entries; a signature would vouch for a shorter one.
    """
    kept = node.witness.newest()  # first: what is kept was committed before
    with node.database.reading() as session:
        seq, head = chain.end(session)
        witness.refuse_unless_it_holds(session, kept, seq, head)
    return node.witness.signed(seq, head)


def verify_ledger(node: Node, caller: Caller) -> ChainReport:
    """Walk the chain, and hold every account and release against what the chain's entries say.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    return verified(node, known_from(node))


def known_from(node: Node, files: Iterable[Path] = (), export: Path | None = None) -> dict[int, str]:
    """Return hashes by position that the chain must pass through: of the checkpoint beside the database, of others that
    were kept, and of an older export.

    Raises:
        InvalidRequest: a file holds no checkpoint that this node has signed, or two contradict each other.
    """
    kept = node.witness.newest()
    found = {} if kept is None or kept.seq == 0 else {kept.seq: kept.hash}
    given = [(file.name, node.witness.read(file)) for file in files]
    noted = [(name, checkpoint.seq, checkpoint.hash) for name, checkpoint in given]
    noted += [(export.name, entry.seq, entry.hash) for entry in entries_of(export)] if export else []
    for name, seq, hashed in noted:
        if found.setdefault(seq, hashed) != hashed:
            raise InvalidRequest(
                f"{name} and the checkpoint beside the database, or another file, contradict each other about entry "
                f"{seq}: the node has shown two chains",
                field="checkpoint",
            )
    return found


def verified(node: Node, known: Mapping[int, str]) -> ChainReport:
    """Do the same for whoever sits at the node's own machine."""
    return checked(node.database, known)


def checked(database: Database, known: Mapping[int, str] | None = None) -> ChainReport:
    """Walk the chain, then work out every account and every release's digest anew."""
    with database.reading() as session:
        report = chain.verify(session, known)
        if not report.valid:
            return report
        if account := replay.first_difference(session):
            said = f"account {account} is not what the chain's entries add up to"
            return report.model_copy(update={"valid": False, "reason": said})
        if difference := contents.first_difference(session):
            seq, said = difference
            return report.model_copy(update={"valid": False, "broken_at": seq, "reason": said})
    return report
