"""What a doctor found: one line a check, with a mark, what was found, and what to do."""

from collections.abc import Iterable
from enum import StrEnum

from jali.wire.base import Reply


class State(StrEnum):
    """`fail` is what keeps something from working, or is not safe; `warn` is what soon will, or may be meant."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


MARKS = {State.OK: "✓", State.WARN: "!", State.FAIL: "✗"}
WIDTH = 14


class Finding(Reply):
    """One check's outcome. It holds nothing from the data, and no secret."""

    check: str
    state: State
    found: str
    advice: str = ""

    def describe(self) -> str:
        """Return it as one line.

        >>> fail("clock", "an hour behind", "set it").describe()
        '✗ clock          an hour behind; set it'
        """
        return f"{MARKS[self.state]} {self.check:<{WIDTH}} {self.found}" + (f"; {self.advice}" if self.advice else "")


class Checkup(Reply):
    """All that was looked at."""

    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing fails."""
        return all(finding.state is not State.FAIL for finding in self.findings)

    def describe(self) -> str:
        """Return the findings line by line, and how many there are of each kind."""
        counts = {state: sum(finding.state is state for finding in self.findings) for state in State}
        summary = f"{counts[State.OK]} well, {counts[State.WARN]} to look at, {counts[State.FAIL]} failing"
        return "\n".join([*(finding.describe() for finding in self.findings), summary])


def checkup(findings: Iterable[Finding]) -> Checkup:
    """Return findings as one."""
    return Checkup(findings=tuple(findings))


def ok(check: str, found: str) -> Finding:
    """Return that something is well."""
    return Finding(check=check, state=State.OK, found=found)


def warn(check: str, found: str, advice: str) -> Finding:
    """Return that something should be looked at."""
    return Finding(check=check, state=State.WARN, found=found, advice=advice)


def fail(check: str, found: str, advice: str) -> Finding:
    """Return that something fails."""
    return Finding(check=check, state=State.FAIL, found=found, advice=advice)
