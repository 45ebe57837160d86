"""A node's first day: its folder, its key, its database, its first owner."""

from pathlib import Path

from jali.wire.person import Role
from jali_node import audit, keys
from jali_node.actions.operations.migrate import migrate
from jali_node.actions.people.add_person import insert_person
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.settings import FILE_NAME


def prepare_folder(folder: Path, name: str) -> None:
    """Make a node's folder with its settings and key pair, readable by its owner alone.

    Raises:
        InvalidRequest: there is a node in it already; nothing is touched.
    """
    key = folder / "node.key"
    if key.exists() or (folder / FILE_NAME).exists():
        raise InvalidRequest(f"there is a node in {folder} already", field="folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys.create(key)
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    (folder / FILE_NAME).write_text(f'name = "{quoted}"\n', encoding="utf-8")


def create_node(node: Node, owner_name: str) -> None:
    """Bring the database up to date and add the first owner.

    Raises:
        InvalidRequest: the name will not do.
    """
    migrate(node.database)
    with node.database.writing() as session:
        audit.record(session, audit.NODE_CREATED, node=node.node_id)
        audit.record(session, audit.CHECKPOINT_KEPT)
        insert_person(session, owner_name, Role.OWNER)
