"""A node in memory: it answers with the wire's own models, and counts what was asked of it."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from jali import estimates
from jali.node import Node
from jali.transport import Transport
from jali.wire.budget import Budget, PrivacyLoss
from jali.wire.dataset import Column, ColumnType, Dataset, Population, UnitKind
from jali.wire.ledger import GENESIS, ChainReport, LedgerEntry, LedgerPage, chained, record_digest
from jali.wire.mock import MockKind, MockRows
from jali.wire.node import NodeInfo
from jali.wire.person import Me, Role
from jali.wire.problem import MEDIA_TYPE, Problem
from jali.wire.project import Project
from jali.wire.query import Query, Question, Wish
from jali.wire.quote import Forecast, Quote
from jali.wire.release import Noised, Release
from jali.wire.request import AccessRequest, AccessRequestForm, Decision, RequestStatus
from jali.wire.statistics import STATISTICS

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
UNITS = 12_000
COLUMNS = (
    Column(name="age", type=ColumnType.INTEGER, meaning="age at admission", unit="years", lower=0, upper=110),
    Column(name="stay", type=ColumnType.NUMBER, meaning="length of <b>stay</b>", unit="days", lower=0, upper=60),
    Column(name="site", type=ColumnType.CATEGORY, meaning="where", categories=("north", "south", "<east>")),
    Column(name="count", type=ColumnType.NUMBER, meaning="named like a method", lower=-1, upper=1),
    Column(name="cost", type=ColumnType.NUMBER, meaning="without bounds"),
)
KINDS = tuple(ask.model_fields["kind"].default for ask in STATISTICS)
ORDERS = tuple(range(1100, 64_001, 100))
LOG_DELTA = math.log(1e-6)


def loss_of(epsilon: float) -> PrivacyLoss:
    """Return the loss of a Gaussian release whose stand-alone price is `epsilon` at delta 1e-6."""
    alphas = [order / 1000 for order in ORDERS]
    offsets = [(a, math.log1p(-1 / a) - (LOG_DELTA + math.log(a)) / (a - 1)) for a in alphas]
    rho = max((epsilon - offset) / a for a, offset in offsets)
    return PrivacyLoss(
        orders=ORDERS,
        rdp=tuple(round(rho * a * 1e12) for a in alphas),
        offsets=tuple(round(offset * 1e12) for _, offset in offsets),
    )


class FakeNode:
    """Answers a few routes. `calls` holds every method and path; `left` is the quota."""

    def __init__(self, name: str = "Aare", number: int = 1, columns: tuple[Column, ...] = COLUMNS) -> None:
        self.number = number
        self.info = NodeInfo(
            node_id=f"node_{number:04x}", name=name, wire=1, capabilities=tuple(f"statistic:{k}" for k in KINDS)
        )
        self.projects: tuple[Project, ...] = (Project(id="prj_00a1", name="stays", purpose="length of stay"),)
        people = Population(id="pop_01", name="patients", unit=UnitKind.ROW, units=UNITS)
        self.card = Dataset(
            id=f"ds_{number:04x}", version="ver_01", name="visits", title="Emergency <visits>", description="",
            population=people, columns=columns, registered_at=NOW,
        )  # fmt: skip
        self.left = 3.0
        self.calls: list[tuple[str, str]] = []
        self.asked: list[Query] = []
        self.refusals: dict[str, Problem] = {}
        self.releases: dict[str, Release] = {}
        self.requests: dict[str, AccessRequest] = {}
        self.decisions: list[Decision] = []
        self.entries: list[LedgerEntry] = []
        self.headers: list[httpx2.Headers] = []
        self.mock = MockRows(kind=MockKind.OWNER, version="ver_01", label="", columns={}, registered_at=NOW)

    @property
    def charged_calls(self) -> int:
        return self.calls.count(("POST", "/v1/queries"))

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url="http://node.test", transport=httpx2.MockTransport(self.handle))

    def transport(self) -> Transport:
        return Transport("http://node.test", "secret-token", client=self.client())

    def node(self, **options: Any) -> Node:
        return Node(self.transport(), **options)

    def refuse(self, path: str, code: str, detail: str = "no", status: int = 403, **facts: Any) -> None:
        self.refusals[path] = Problem(title="no", status=status, code=code, detail=detail, facts=facts)

    def log(self, *bodies: dict[str, Any]) -> None:
        """Append entries to the ledger."""
        for body in bodies:
            seq, prev = len(self.entries) + 1, self.entries[-1].hash if self.entries else GENESIS
            digest = chained(prev, seq, record_digest("spend.begun", 1, NOW, body))
            self.entries.append(
                LedgerEntry(seq=seq, kind="spend.begun", v=1, at=NOW, body=body, prev_hash=prev, hash=digest)
            )

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.calls.append((request.method, path))
        self.headers.append(request.headers)
        if path in self.refusals:
            problem = self.refusals[path]
            return httpx2.Response(
                problem.status, content=problem.model_dump_json(), headers={"content-type": MEDIA_TYPE}
            )
        reply = self._reply(request.method, path, request)
        content = (
            "[" + ",".join(item.model_dump_json() for item in reply) + "]"
            if isinstance(reply, list)
            else reply.model_dump_json()
        )
        return httpx2.Response(200, content=content, headers={"content-type": "application/json"})

    def _reply(self, method: str, path: str, request: httpx2.Request) -> BaseModel | list[Any]:
        match method, path.removeprefix("/v1/").split("/"):
            case "GET", ["node"]:
                return self.info
            case "GET", ["me"]:
                return Me(id="per_01", name="Ada", role=Role.DATA_SCIENTIST, projects=self.projects)
            case "GET", ["datasets"]:
                return [self.card]
            case "GET", ["datasets", _, "mock"]:
                return self.mock
            case "GET", ["datasets", _, "budget"]:
                return Budget(cap=4.0, delta=1e-6, spent=1.0, held=0.0, left=self.left)
            case "POST", ["quotes"]:
                return self._quote(Wish.model_validate_json(request.content))
            case "POST", ["queries"]:
                return self._release(Query.model_validate_json(request.content))
            case "GET", ["releases"]:
                return list(self.releases.values())
            case "GET", ["requests"]:
                return list(self.requests.values())
            case "POST", ["requests"]:
                return self._request(AccessRequestForm.model_validate_json(request.content))
            case "GET", ["requests", wish]:
                return self.requests[wish]
            case "POST", ["requests", wish, "decision"]:
                decision = Decision.model_validate_json(request.content)
                self.decisions.append(decision)
                changes = {"status": decision.outcome, "reason": decision.reason, "decided_at": NOW}
                self.requests[wish] = self.requests[wish].model_copy(update=changes)
                return self.requests[wish]
            case "GET", ["ledger", "verification"]:
                head = self.entries[-1].hash if self.entries else GENESIS
                return ChainReport(entries=len(self.entries), head=head, valid=True)
            case "GET", ["ledger"]:
                after = int(request.url.params["after"])
                page = [entry for entry in self.entries if entry.seq > after][:2]
                more = page[-1].seq if page and page[-1].seq < self.entries[-1].seq else None
                return LedgerPage(entries=tuple(page), next_after=more)
        raise AssertionError(f"the fake node has no route {method} {path}")

    def _columns(self, query: Question) -> tuple[Column, ...]:
        reads = query.statistic.reads
        return tuple(column for column in query.selection.columns(self.card.columns) if column.name in reads)

    def _quote(self, query: Wish) -> Quote:
        known = query.digest in self.releases
        price = 0.0 if known else query.epsilon or 0.1
        return Quote(
            epsilon=query.epsilon or 0.1,
            price=price, repeated=known, fits=price <= self.left, left_before=self.left, left_after=self.left - price,
            forecast=(Forecast(key=(), figure="mean", expected=55.0, half_width=0.123),),
            split="half for the count, half for the sum",
        )  # fmt: skip

    def _release(self, query: Query) -> Release:
        self.asked.append(query)
        if query.digest in self.releases:
            return self.releases[query.digest].model_copy(update={"repeated": True, "left": self.left})
        self.left -= query.epsilon
        columns = self._columns(query)
        clean = estimates.imagined(query.statistic, columns, UNITS)
        release = Release(
            id=f"rel_{self.number:02x}{len(self.releases):02x}", dataset=query.dataset, version="ver_01",
            project=query.project, statistic=query.statistic, selection=query.selection,
            epsilon=query.epsilon, loss=loss_of(query.epsilon),
            columns=columns, units=UNITS, created_at=NOW, repeated=False, left=self.left,
            measurements={k: Noised(values=tuple(v), noise_stddev=3.0) for k, v in clean.items()},
        )  # fmt: skip
        self.releases[query.digest] = release
        return release

    def _request(self, form: AccessRequestForm) -> AccessRequest:
        wish = AccessRequest(
            id=f"req_{len(self.requests) + 1:02x}", dataset_name="visits", project_name="stays", person="per_01",
            person_name="Ada", status=RequestStatus.SUBMITTED, digest="d" * 64, created_at=NOW,
            **json.loads(form.model_dump_json()),
        )  # fmt: skip
        self.requests[wish.id] = wish
        return wish


@pytest.fixture
def fake() -> FakeNode:
    return FakeNode()


@pytest.fixture
def make_fake() -> Callable[..., FakeNode]:
    return FakeNode


@pytest.fixture
def visits(fake: FakeNode) -> Any:
    return fake.node()["visits"]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No test reads or writes the user's own profiles."""
    for name in ("JALI_URL", "JALI_TOKEN", "JALI_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JALI_CONFIG", str(tmp_path / "config"))
