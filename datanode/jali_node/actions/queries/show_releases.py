"""The answers so far: a project's releases, free to read again."""

from sqlalchemy.orm import Session

from jali.wire.money import from_fixed
from jali.wire.release import Release
from jali_node.errors import UnknownResource
from jali_node.ledger import book
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import catalog, clock, grants, releases
from jali_node.tables import AccountRow, ReleaseRow


def list_releases(node: Node, caller: Caller, project_id: str) -> list[Release]:
    """Return a project's releases, the newest first.

    Raises:
        AccessDenied: the caller is not a member.
    """
    caller.must_belong_to(project_id)
    with node.database.reading() as session:
        return [_shown(session, caller, row) for row in releases.of_project(session, project_id)]


def show_release(node: Node, caller: Caller, release_id: str) -> Release:
    """Return one release.

    Raises:
        UnknownResource: there is none, or it is another project's.
    """
    with node.database.reading() as session:
        row = session.get(ReleaseRow, release_id)
        if row is None or row.project_id not in caller.projects:
            raise UnknownResource("there is no such release, or it is another project's", field="release")
        return _shown(session, caller, row)


def _shown(session: Session, caller: Caller, row: ReleaseRow) -> Release:
    dataset = catalog.version(session, row.version_id).shown()
    return releases.shown(row, dataset, _left(session, caller, row), repeated=True)


def _left(session: Session, caller: Caller, row: ReleaseRow) -> float:
    now = clock.now(session)
    held = grants.held(session, caller.id, row.project_id, row.dataset_id)
    accounts = [session.get_one(AccountRow, grant.account_id) for grant in held if grant.expires_at > now]
    return max((from_fixed(book.present(account).left()) for account in accounts), default=0.0)
