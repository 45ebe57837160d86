"""The node's own key pair. Its fingerprint is the node's identity, wherever it is served from."""

import os
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jali.wire.evidence import manifest_bytes
from jali.wire.ledger import Checkpoint, checkpoint_bytes, fingerprint
from jali_node import documents
from jali_node.errors import InvalidRequest


def create(path: Path) -> Ed25519PrivateKey:
    """Make a key pair and write it where only its owner can read it. An existing key is never overwritten."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    return key


def load(path: Path) -> Ed25519PrivateKey:
    """Return the key pair of a node's folder.

    Raises:
        InvalidRequest: the file cannot be read, or does not hold an Ed25519 private key.
    """
    try:
        key: object = serialization.load_pem_private_key(documents.text(path, "key").encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidRequest(
            f"{path} holds no unencrypted Ed25519 private key in PEM; put the node's own there, from its backup: with "
            "another one it is another node",
            field="key",
        )
    return key


def node_id(key: Ed25519PrivateKey) -> str:
    """Return the key's fingerprint: the first 128 bits of the SHA-256 of the raw public key."""
    return fingerprint(public(key))


def checkpoint(key: Ed25519PrivateKey, seq: int, head: str) -> Checkpoint:
    """Return a chain's last entry, signed."""
    node, at = node_id(key), datetime.now(UTC)
    signature = key.sign(checkpoint_bytes(node, seq, head, at)).hex()
    return Checkpoint(node_id=node, public_key=public(key).hex(), seq=seq, hash=head, at=at, signature=signature)


def manifest(key: Ed25519PrivateKey, sha256: str) -> str:
    """Return the signature of a pack's manifest, by its digest."""
    return key.sign(manifest_bytes(node_id(key), sha256)).hex()


def is_own(key: Ed25519PrivateKey, found: Checkpoint) -> bool:
    """Say whether a checkpoint was signed with this very key."""
    if found.public_key != public(key).hex() or not found.is_of_its_node:
        return False
    try:
        key.public_key().verify(bytes.fromhex(found.signature), found.signed)
    except InvalidSignature:
        return False
    return True


def private(key: Ed25519PrivateKey) -> bytes:
    """Return the raw private key, to key digests with that mean nothing to others."""
    return key.private_bytes_raw()


def public(key: Ed25519PrivateKey) -> bytes:
    """Return the raw public key."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
