"""A function's text is compiled and called. In the sandbox, and on its author's own machine: nowhere else."""

import __future__

import builtins
import traceback
from typing import Any

import pandas as pd

from jali.running.encode import NotAnOutput, encoded
from jali.wire.output import Failure, Frame, Value

FILE = "<the function>"
MESSAGE_MAX = 2000
_ANNOTATIONS_STAY_TEXT = __future__.annotations.compiler_flag


def called(source: str, name: str, frame: pd.DataFrame, params: dict[str, Any]) -> Frame | Value | Failure:
    """Return what a function gives for a frame, or how it failed."""
    try:
        space: dict[str, Any] = {"__builtins__": builtins, "__name__": "job"}
        exec(compile(source, FILE, "exec", flags=_ANNOTATIONS_STAY_TEXT, dont_inherit=True), space)  # noqa: S102
        return encoded(space[name](frame, **params))
    except BaseException as error:  # SystemExit and the like are failures, too
        return failure(error)


def failure(error: BaseException) -> Failure:
    """Return how something failed; the message may hold what a row does."""
    places = [place for place in traceback.extract_tb(error.__traceback__) if place.filename == FILE]
    line = error.lineno if isinstance(error, SyntaxError) else places[-1].lineno if places else None
    said = str(error)[:MESSAGE_MAX]
    kind = "NotAnOutput" if isinstance(error, NotAnOutput) else type(error).__name__
    return Failure(type=kind[:200], line=line, message=said)
