"""Code jobs: wishes to run a function over rows, decisions about them, and what comes out of the airlock."""

from fastapi import APIRouter, status

from jali.wire.jobs.code import AirlockDecision, CodeDecision, CodeForm, CodeJob, CodeTerms, Held, Released
from jali_node.actions.code.decide_code import decide_code
from jali_node.actions.code.decide_output import decide_output, show_held, show_released
from jali_node.actions.code.end_code import end_code
from jali_node.actions.code.show_code import list_code, show_code
from jali_node.actions.code.submit_code import revise_code, show_terms, submit_code
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/code-jobs", tags=["code jobs"], responses=PROBLEMS)


@router.get("/terms")
def terms(caller: SignedIn) -> CodeTerms:
    """Return what functions may import here, and within which limits they run."""
    return show_terms()


@router.post("", status_code=status.HTTP_201_CREATED)
def submit(node: ServingNode, caller: SignedIn, form: CodeForm) -> CodeJob:
    """File a wish to run a function."""
    return submit_code(node, caller, form)


@router.get("")
def jobs(node: ServingNode, caller: SignedIn) -> list[CodeJob]:
    """Return one's own code jobs; whoever oversees the node sees all."""
    return list_code(node, caller)


@router.get("/{code_id}")
def job(node: ServingNode, caller: SignedIn, code_id: str) -> CodeJob:
    """Return one code job."""
    return show_code(node, caller, code_id)


@router.post("/{code_id}/revisions", status_code=status.HTTP_201_CREATED)
def revise(node: ServingNode, caller: SignedIn, code_id: str, form: CodeForm) -> CodeJob:
    """Resubmit an undecided code job as its next revision."""
    return revise_code(node, caller, code_id, form)


@router.post("/{code_id}/decision")
def decide(node: ServingNode, caller: SignedIn, code_id: str, decision: CodeDecision) -> CodeJob:
    """Approve, deny, or ask for changes; for owners and reviewers."""
    return decide_code(node, caller, code_id, decision)


@router.post("/{code_id}/end")
def end(node: ServingNode, caller: SignedIn, code_id: str) -> CodeJob:
    """Withdraw a code job before its decision, cancel it after; what it gave back is destroyed."""
    return end_code(node, caller, code_id)


@router.get("/{code_id}/airlock")
def held(node: ServingNode, caller: SignedIn, code_id: str) -> Held:
    """Return an output that waits, with what was checked; for owners and reviewers."""
    return show_held(node, caller, code_id)


@router.post("/{code_id}/airlock")
def let_go(node: ServingNode, caller: SignedIn, code_id: str, decision: AirlockDecision) -> CodeJob:
    """Release an output that waits, or destroy it; for owners and reviewers."""
    return decide_output(node, caller, code_id, decision)


@router.get("/{code_id}/result")
def result(node: ServingNode, caller: SignedIn, code_id: str) -> Released:
    """Return an output that was released."""
    return show_released(node, caller, code_id)
