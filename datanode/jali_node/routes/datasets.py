"""The catalog, and one's own budget for a dataset."""

from fastapi import APIRouter

from jali.wire.budget import Budget
from jali.wire.dataset import Dataset, Visibility
from jali.wire.jobs.code import CodeAllowed
from jali.wire.jobs.train import JobQueue
from jali.wire.mock import MockKind, MockRows
from jali.wire.query import Id
from jali_node.actions.budgets.show_budgets import own_budget
from jali_node.actions.code.allow_code import set_code
from jali_node.actions.datasets.hide_dataset import set_visibility
from jali_node.actions.datasets.list_datasets import list_datasets, show_dataset
from jali_node.actions.datasets.mock_rows import show_mock
from jali_node.actions.jobs.queue_dataset import set_one_job
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], responses=PROBLEMS)


@router.get("")
def datasets(node: ServingNode, caller: SignedIn) -> list[Dataset]:
    """Return every card that the caller may see."""
    return list_datasets(node, caller)


@router.get("/{dataset_id}")
def dataset(node: ServingNode, caller: SignedIn, dataset_id: str) -> Dataset:
    """Return one card."""
    return show_dataset(node, caller, dataset_id)


@router.put("/{dataset_id}/visibility")
def visibility(node: ServingNode, caller: SignedIn, dataset_id: str, form: Visibility) -> Dataset:
    """Hide a dataset, or show it again; for owners."""
    return set_visibility(node, caller, dataset_id, hidden=form.hidden)


@router.put("/{dataset_id}/code-jobs")
def code_jobs(node: ServingNode, caller: SignedIn, dataset_id: str, form: CodeAllowed) -> Dataset:
    """Let code jobs be submitted for a dataset, or no longer; for owners."""
    return set_code(node, caller, dataset_id, allowed=form.allowed)


@router.put("/{dataset_id}/queue")
def queue(node: ServingNode, caller: SignedIn, dataset_id: str, form: JobQueue) -> Dataset:
    """Let one training job run over a dataset at a time, or several; for owners."""
    return set_one_job(node, caller, dataset_id, one_at_a_time=form.one_at_a_time)


@router.get("/{dataset_id}/budget")
def budget(node: ServingNode, caller: SignedIn, dataset_id: str, project: Id) -> Budget:
    """Return the caller's own quota."""
    return own_budget(node, caller, dataset_id, project)


@router.get("/{dataset_id}/mock")
def mock(node: ServingNode, caller: SignedIn, dataset_id: str, kind: MockKind) -> MockRows:
    """Return made-up rows that the owner wrote, or that were drawn from a release."""
    return show_mock(node, caller, dataset_id, kind)
