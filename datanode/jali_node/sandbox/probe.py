"""A worker with nothing to do: it closes the walls and says which tier was reached."""

import json
import sys

from jali_node.sandbox import message, walls
from jali_node.sandbox.limits import Limits

if __name__ == "__main__":
    limits = Limits.of(sys.argv[1:])
    walls.close_early(limits)
    sys.stdout.buffer.write(message.packed([json.dumps({"tier": walls.close(limits)}).encode(), b""]))
