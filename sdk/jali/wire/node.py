"""What a node says about itself before anyone signs in."""

from jali.wire.base import Reply
from jali.wire.signin import SignIn


class NodeInfo(Reply):
    """A node's identity (its key's fingerprint, not its address) and what it can do.

    `portal` is where its reviewers work, where its owner says so.
    The SDK sends nothing that `capabilities` does not announce, for example `statistic:mean`.
    """

    node_id: str
    name: str
    wire: int
    capabilities: tuple[str, ...]
    sign_in: SignIn = SignIn()
    portal: str = ""
