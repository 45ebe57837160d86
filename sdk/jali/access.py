"""A wish for access, from the side of the one who wishes."""

import time

from jali import errors, progress
from jali.eda import markup
from jali.transport import Transport
from jali.wire import request
from jali.wire.request import RequestStatus


class AccessRequest:
    """A request for a quota, and what has become of it. Following it is free.

    Example::

        wish = visits.request_access(purpose="length of stay by site", epsilon=2.0)
        wish.wait(timeout_s=600)
    """

    def __init__(self, transport: Transport, record: request.AccessRequest) -> None:
        self._transport = transport
        self.record = record
        """The request as the node last showed it."""

    @property
    def id(self) -> str:
        """The request's id."""
        return self.record.id

    @property
    def status(self) -> RequestStatus:
        """Where it stood when it was last looked at: submitted, granted or denied."""
        return self.record.status

    @property
    def reason(self) -> str:
        """What the owner said."""
        return self.record.reason

    def refresh(self) -> "AccessRequest":
        """Look again, and return the same object with what is new."""
        self.record = self._transport.get(f"/v1/requests/{self.id}", request.AccessRequest)
        return self

    def wait(self, timeout_s: float, poll_s: float = 2.0) -> "AccessRequest":
        """Wait until the owner has decided, either way, and return the same object.

        Args:
            timeout_s: how long at most.
            poll_s: seconds between looks.

        Raises:
            DecisionPending: the time is over and there is no decision. The request stays.
        """
        started = time.monotonic()
        with progress.waiting(f"waiting for the owner's word on {self.id}", timeout_s, "s") as wait:
            while self.refresh().status is RequestStatus.SUBMITTED:
                waited_s = time.monotonic() - started
                wait.reach(min(waited_s, timeout_s))
                if waited_s >= timeout_s:
                    raise errors.DecisionPending(
                        f"the owner has not decided about {self.id} within {timeout_s:g} s; the request "
                        "stays: wait() again or look with refresh()",
                        facts={"request": self.id, "timeout_s": timeout_s},
                    )
                time.sleep(min(poll_s, timeout_s - waited_s))
            wait.outcome = f"{self.id} was {self.status.value}"
        return self

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {line}" for line in self._lines())])

    def _repr_html_(self) -> str:
        return markup.card(self._title(), notes=self._lines())

    def _title(self) -> str:
        return f"{self.id} · {self.status.value} · ε {self.record.epsilon:.4g} for {self.record.dataset_name}"

    def _lines(self) -> list[str]:
        record = self.record
        asked = f"asked on {record.created_at:%d %B %Y, %H:%M} UTC by {record.person_name}"
        lines = [f"project {record.project_name}, {asked}", f"purpose: {record.purpose}"]
        for what, names in (("statistics", record.statistics), ("columns", record.columns)):
            if names is not None:
                lines.append(f"{what}: {', '.join(names)}")
        if record.waiting_for:
            lines.append(f"waits for {record.waiting_for}")
        if record.reason:
            lines.append(f"the owner says: {record.reason}")
        if record.expires_at is not None:
            lines.append(f"until {record.expires_at:%d %B %Y}")
        return lines


def submitted(transport: Transport, form: request.AccessRequestForm) -> AccessRequest:
    """Send a request."""
    return AccessRequest(transport, transport.post("/v1/requests", form, request.AccessRequest))


def listed(transport: Transport) -> list[AccessRequest]:
    """Return the caller's own requests."""
    records = transport.get("/v1/requests", list[request.AccessRequest])
    return [AccessRequest(transport, record) for record in records]
