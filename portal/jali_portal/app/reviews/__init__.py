"""One file for each kind of request: its id's prefix, and how its page is drawn. A new kind is a file and a line."""

from collections.abc import Callable

from jali.wire.ids import PREFIX_CODE, PREFIX_JOB, PREFIX_REQUEST
from jali_portal.app.reviews import access, code, training

REVIEWS: dict[str, Callable[[str], None]] = {
    PREFIX_REQUEST: access.draw,
    PREFIX_JOB: training.draw,
    PREFIX_CODE: code.draw,
}
"""What draws the page of an id, by the id's prefix."""
