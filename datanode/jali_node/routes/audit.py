"""The record as a person reads it, for whoever oversees the node."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from jali.wire.audit import AuditFilter, AuditPage
from jali_node.actions.operations.read_audit import Form, export_audit, read_audit
from jali_node.errors import InvalidRequest
from jali_node.routes.ledger import POSITION_MAX
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1", tags=["ledger"], responses=PROBLEMS)
MEDIA_TYPES = {Form.CSV: "text/csv; charset=utf-8", Form.LINES: "application/jsonl"}
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()}}
}


def chosen(
    kind: Annotated[list[str] | None, Query(max_length=50, description="such as request.decided, or signin.")] = None,
    about: Annotated[list[str] | None, Query(max_length=5, description="an id that entries name")] = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AuditFilter:
    """Return the filter that an address asks for."""
    try:
        return AuditFilter(kinds=tuple(kind or ()), about=tuple(about or ()), since=since, until=until)
    except ValidationError as error:
        first = error.errors()[0]
        field = {"kinds": "kind"}.get(str(first["loc"][0]), str(first["loc"][0])) if first["loc"] else "since"
        raise InvalidRequest(f"{field}: {first['msg']}", field=field) from error


Chosen = Annotated[AuditFilter, Depends(chosen)]


@router.get("/audit")
def audit(
    node: ServingNode,
    caller: SignedIn,
    which: Chosen,
    before: Annotated[int | None, Query(ge=1, le=POSITION_MAX)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AuditPage:
    """Return entries, the newest first."""
    return read_audit(node, caller, which, before, limit)


@router.get("/audit/export", response_class=StreamingResponse, responses=FILES)
def export(node: ServingNode, caller: SignedIn, which: Chosen, form: Form = Form.CSV) -> StreamingResponse:
    """Return entries as a file, the oldest first; that it was taken is an entry too."""
    name = f'attachment; filename="audit.{form.value}"'
    text = export_audit(node, caller, which, form)
    return StreamingResponse(text, media_type=MEDIA_TYPES[form], headers={"Content-Disposition": name})
