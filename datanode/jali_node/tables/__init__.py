"""The node's own tables, one flat class each. Importing this package declares them all."""

from jali_node.tables.access import AccessRequestRow, GrantRow, RemarkRow, RevisionRow
from jali_node.tables.base import Base, UtcTime
from jali_node.tables.catalog import DatasetRow, PopulationRow, ReleaseTimeRow, VersionRow
from jali_node.tables.code import CodeJobRow, CodeOutputRow
from jali_node.tables.jobs import JobRoundRow, JobRow, WorkerRow
from jali_node.tables.ledger import AccountRow, ChainHeadRow, EntryRow, FreezeRow, ReleaseRow, SpendRow
from jali_node.tables.mock import MockRow
from jali_node.tables.notices import NoticeRow
from jali_node.tables.people import MemberRow, PersonRow, ProjectRow, TokenRow
from jali_node.tables.policies import ApprovalRow, JudgedRow, PolicyRow
from jali_node.tables.signin import DetourRow, IdentityRow, InvitationRow, PasswordRow, ThrottleRow

__all__ = [
    "AccessRequestRow", "AccountRow", "ApprovalRow", "Base", "ChainHeadRow", "CodeJobRow", "CodeOutputRow",
    "DatasetRow", "DetourRow", "EntryRow",
    "FreezeRow", "GrantRow", "IdentityRow", "InvitationRow", "JobRoundRow", "JobRow", "JudgedRow", "MemberRow",
    "MockRow", "NoticeRow", "PasswordRow", "PersonRow", "PolicyRow", "PopulationRow", "ProjectRow", "ReleaseRow",
    "ReleaseTimeRow", "RemarkRow", "RevisionRow", "SpendRow", "ThrottleRow", "TokenRow", "UtcTime", "VersionRow",
    "WorkerRow",
]  # fmt: skip
