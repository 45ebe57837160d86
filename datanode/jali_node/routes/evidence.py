"""A project's evidence, for owners and auditors to take away."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from jali_node.actions.evidence.make_pack import chunks, make_pack
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/projects", tags=["projects"], responses=PROBLEMS)
ZIP = "application/zip"
FILE: dict[int | str, dict[str, Any]] = {200: {"content": {ZIP: {}}}}


@router.get("/{project_id}/evidence", response_class=StreamingResponse, responses=FILE)
def evidence(node: ServingNode, caller: SignedIn, project_id: str) -> StreamingResponse:
    """Return what was asked, decided, released and recorded for a project, signed; that it was taken is an entry."""
    pack = make_pack(node, caller, project_id)
    name = 'attachment; filename="evidence.zip"'
    return StreamingResponse(chunks(pack), media_type=ZIP, headers={"Content-Disposition": name})
