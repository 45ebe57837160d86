"""The chain, for its owners."""

from jali.wire.ledger import ChainReport, LedgerPage
from jali_node.ledger import chain, replay
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


def verify_ledger(node: Node, caller: Caller) -> ChainReport:
    """Walk the chain, and hold every account against what the chain's entries add up to.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    return checked(node.database)


def checked(database: Database) -> ChainReport:
    """Do the same for whoever sits at the node's own machine."""
    with database.reading() as session:
        report = chain.verify(session)
        if not report.valid:
            return report
        account = replay.first_difference(session)
    if account:
        return report.model_copy(
            update={"valid": False, "reason": f"account {account} is not what the chain's entries add up to"}
        )
    return report
