"""What runs in the cell: one round of training. `zygote.ROUNDS` loads this module, and forks a cell from it for each.

Standard input holds the round, standard output takes the reply, and nothing else leaves: whatever a library prints goes
nowhere, and a failure is an exit status without words.
"""

import json
import os

from jali_node.sandbox import message, nursery, walls
from jali_node.sandbox.limits import Limits


def load() -> None:
    """Load what a round needs: torch maps gigabytes and reads files, which behind the last walls it cannot."""
    from jali_node.sandbox import task

    task.warm_up()


def train(limits: Limits) -> None:
    """Close the walls, train, reply."""
    from jali_node.sandbox import task

    replies = os.dup(1)
    os.dup2(2, 1)
    walls.close_early(limits)
    tier = walls.close(limits)
    task.use_threads(limits.threads)
    with os.fdopen(0, "rb") as pipe:
        reply = message.packed([json.dumps({"tier": tier}).encode(), task.done(pipe.read())])
    with os.fdopen(replies, "wb") as pipe:
        pipe.write(reply)


if __name__ == "__main__":
    nursery.serve(load, train)
