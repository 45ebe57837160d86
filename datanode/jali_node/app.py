"""The composition root: settings become a node, a node becomes an ASGI application."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from jali.wire.problem import MEDIA_TYPE
from jali.wire.request import RequestKind
from jali_node import errors, keys
from jali_node.actions.code.decide_output import expire_outputs
from jali_node.actions.jobs.end_overdue import end_overdue
from jali_node.actions.notices.deliver import deliver_due
from jali_node.actions.operations.migrate import refuse_unless_migrated
from jali_node.actions.operations.recover import Recovery, refuse_if_incomplete
from jali_node.actions.operations.retain import retain
from jali_node.actions.wishes.expire import expire
from jali_node.departure import Departures
from jali_node.engine.engines import Engines
from jali_node.engine.warehouse import Warehouse
from jali_node.errands import Errands, seldom
from jali_node.errors import ClockBehind, LedgerIncomplete, Refused
from jali_node.ledger.witness import Witness
from jali_node.node import Node
from jali_node.observe.metrics import Metrics
from jali_node.observe.requests import Requests
from jali_node.rates import Rates
from jali_node.routes import (
    about,
    audit,
    code_jobs,
    datasets,
    evidence,
    freezes,
    jobs,
    ledger,
    notices,
    operations,
    people,
    policies,
    projects,
    queries,
    requests,
    sign_in,
)
from jali_node.routes.bodies import BodyLimit
from jali_node.routes.document import describe
from jali_node.routes.headers import SecurityHeaders
from jali_node.routes.signed_in import PROBLEMS
from jali_node.settings import Settings
from jali_node.store.database import Database

log = logging.getLogger(__name__)
LAPSE_EVERY_S = 60.0
FORGET_EVERY_S = 3600.0
ROUTERS = tuple(
    part.router
    for part in (
        about,
        operations,
        sign_in,
        people,
        projects,
        evidence,
        datasets,
        queries,
        requests,
        jobs,
        code_jobs,
        ledger,
        freezes,
        audit,
        policies,
        notices,
    )
)


def open_node(settings: Settings) -> Node:
    """Return the node of a folder, ready to act."""
    key = keys.load(settings.key_path)
    witness = Witness(settings.checkpoint_path, key)
    return Node(
        node_id=keys.node_id(key),
        settings=settings,
        database=Database(settings.url, settings.database_wait_s, witness),
        witness=witness,
        engines=Engines.of(
            Warehouse(settings.folder, settings.memory_limit, settings.threads),
            {name: url.get_secret_value() for name, url in settings.sources.items()},
            settings.spark_master,
            settings.folder,
        ),
        departures=Departures() if settings.timed_release else Departures(places=None),
    )


def create_app(settings: Settings) -> FastAPI:
    """Return a node's application. It settles what a killed process left behind before it serves.

    Where the ledger lacks entries, as after a restore, or the clock stands before them, it serves what it has and
    spends nothing.

    Raises:
        NodeUnavailable: the database's schema is of another release.
    """
    node = open_node(settings)
    try:
        refuse_unless_migrated(node.database)
        recovery = Recovery(node)
        _settle_down(node, recovery)
    except Refused:
        node.close()
        raise

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        errands = _errands(node, recovery)
        errands.start()
        yield
        errands.stop()
        node.close()

    app = FastAPI(
        title="Jali data node", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, responses=PROBLEMS
    )
    app.state.node = node
    app.state.recovery = recovery
    app.state.metrics = Metrics(node.database)
    app.state.rates = Rates(settings.requests_per_s, settings.requests_at_once)
    app.state.questions = CapacityLimiter(queries.WAITING_MAX)
    for router in ROUTERS:
        app.include_router(router)
    describe(app)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown_route)
    app.add_exception_handler(Exception, _unexpected)
    limits = {"limit_bytes": settings.body_limit_bytes, "model_limit_bytes": settings.model_limit_bytes}
    app.add_middleware(BodyLimit, **limits, reply=_reply)
    app.add_middleware(Requests, metrics=app.state.metrics)
    app.add_middleware(SecurityHeaders)
    return app


def _settle_down(node: Node, recovery: Recovery) -> None:
    """Settle what was left behind; where nothing can be appended, say why, and let an errand do it later."""
    try:
        refuse_if_incomplete(node)
        recovery.finish()
        expire(node)
    except (LedgerIncomplete, ClockBehind) as refused:
        log.error("nothing will be spent: %s", refused.detail)


def _errands(node: Node, recovery: Recovery) -> Errands:
    """Return what the node does beside answering: letting wishes lapse, telling whoever is told, and forgetting."""
    daily: list[Callable[[], object]] = [
        recovery.finish,
        lambda: expire(node),
        lambda: expire_outputs(node),
        lambda: end_overdue(node),
        seldom(FORGET_EVERY_S, lambda: retain(node)),
    ]
    if not node.settings.notices.tells_anybody:
        return Errands(LAPSE_EVERY_S, *daily)
    return Errands(node.settings.notices.poll_s, *daily, lambda: deliver_due(node))


def _reply(refusal: Refused, request: Request | None = None) -> JSONResponse:
    if request is not None:
        request.state.refusal = refusal.code.value
    wait_s = refusal.facts.get("wait_s")
    headers = None if wait_s is None else {"Retry-After": str(wait_s)}
    return JSONResponse(
        refusal.problem().model_dump(mode="json"), refusal.status, headers=headers, media_type=MEDIA_TYPE
    )


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)  # noqa: S101 - registered for this class
    return _reply(error, request)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    first: dict[str, Any] = error.errors()[0]
    named = [str(part) for part in first["loc"][1:] if part not in _TAGS]
    field = ".".join([*named[:LEVELS_MAX], *(["..."] if len(named) > LEVELS_MAX else [])])[:FIELD_MAX] or "body"
    said = f"expected one of {first['ctx']['expected_tags']}" if first["type"] == "union_tag_invalid" else first["msg"]
    return _reply(errors.InvalidRequest(f"{field}: {said}", field=field), request)


LEVELS_MAX, FIELD_MAX = 8, 200
"""How much is said of where an error lies: a sender can nest names as deep and make them as long as a body may be."""
_TAGS = frozenset([*(announced.removeprefix("statistic:") for announced in about.CAPABILITIES), *RequestKind])
"""pydantic names the variant of a union in an error's path; callers did not write it."""


async def _unknown_route(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code == HTTPStatus.BAD_REQUEST:  # what json.loads raises, too deep a nesting included
        return _reply(
            errors.InvalidRequest("the body cannot be read as JSON, or is nested too deeply", field="body"), request
        )
    problem = errors.UnknownResource(f"{request.method} of this address: {error.detail}").problem()
    content = problem.model_copy(update={"status": error.status_code}).model_dump(mode="json")
    return JSONResponse(content, error.status_code, headers=error.headers, media_type=MEDIA_TYPE)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    route = getattr(request.scope.get("route"), "path", "none")  # as declared: an address is the caller's text
    log.error("unexpected %s in %s %s", type(error).__name__, request.method, route)
    return _reply(errors.NodeUnavailable("the node met an error of its own; what was begun stays spent"), request)
