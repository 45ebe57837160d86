"""Checkpoints of a node's chain: kept in files, held against the node, or against an exported ledger without it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from jali import errors
from jali.wire.ledger import Checkpoint, LedgerEntry


def save(checkpoint: Checkpoint, path: str | Path) -> Path:
    """Write a checkpoint to a file and return where."""
    file = Path(path)
    file.write_text(checkpoint.model_dump_json() + "\n", encoding="utf-8")
    return file


def read(path: str | Path) -> Checkpoint:
    """Return the checkpoint in a file; where it holds several lines, the latest.

    Raises:
        NotGenuine: there is none, or the node that it names has not signed it.
    """
    try:
        lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
        found = max((Checkpoint.model_validate_json(line) for line in lines), key=lambda each: each.seq)
    except (OSError, ValueError) as failure:  # pydantic's ValidationError and a wrong encoding are ValueErrors
        raise errors.NotGenuine(f"{path} holds no checkpoint: {_first_line(failure)}", field="checkpoint") from failure
    refuse_unless_genuine(found)
    return found


def refuse_unless_genuine(checkpoint: Checkpoint) -> None:
    """Check who has signed a checkpoint.

    Raises:
        NotGenuine: not the node that it names.
    """
    from cryptography.exceptions import InvalidSignature  # here: half of a second, and most sessions never need it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not checkpoint.is_of_its_node:
        raise errors.NotGenuine(f"the checkpoint's key is not that of {checkpoint.node_id}", field="public_key")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(checkpoint.public_key))
        key.verify(bytes.fromhex(checkpoint.signature), checkpoint.signed)
    except InvalidSignature as failure:
        raise errors.NotGenuine(
            f"the checkpoint of entry {checkpoint.seq} is not signed by {checkpoint.node_id}: it was changed",
            field="signature",
        ) from failure


def exported(path: str | Path) -> Iterator[LedgerEntry]:
    """Return the entries of an exported ledger, one line of JSON each.

    Raises:
        NotGenuine: a line is no entry.
    """
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield LedgerEntry.model_validate_json(line)
            except ValidationError as failure:
                raise errors.NotGenuine(f"{path}, line {number}: no entry of a ledger", field="ledger") from failure


def known(checkpoints: Iterable[Checkpoint]) -> dict[int, str]:
    """Return checkpoints as hashes by position.

    Raises:
        NotGenuine: two contradict each other, which proves that their node has shown two chains.
    """
    found: dict[int, str] = {}
    for checkpoint in checkpoints:
        if found.setdefault(checkpoint.seq, checkpoint.hash) != checkpoint.hash:
            raise errors.NotGenuine(
                f"two checkpoints of entry {checkpoint.seq} contradict each other, both of {checkpoint.node_id}: "
                "the node has shown two chains",
                field="checkpoint",
            )
    return found


def _first_line(failure: Exception) -> str:
    return str(failure).splitlines()[0] if not isinstance(failure, OSError) else type(failure).__name__
