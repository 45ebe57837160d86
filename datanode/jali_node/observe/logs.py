"""Logs as one JSON object a line, on standard error."""

import logging
import sys
from typing import Any

from pythonjsonlogger.json import JsonFormatter

FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"
NAMES = {"asctime": "at", "levelname": "level", "name": "logger", "message": "event"}


def configure(level: str, form: str) -> None:
    """Send everything that is logged, uvicorn's lines too, to standard error.

    Args:
        level: the least that is logged, such as `INFO`.
        form: `json`, or `text` for a terminal.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json() if form == "json" else logging.Formatter(FIELDS))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # it writes addresses with all that stands in them
    logging.captureWarnings(True)


def _json() -> logging.Formatter:
    formatter: Any = JsonFormatter(FIELDS, rename_fields=NAMES, datefmt="%Y-%m-%dT%H:%M:%S%z")
    made: logging.Formatter = formatter
    return made
