"""Versions know the table that they were made from.

Revision 0015, after 0014. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("version", sa.Column("source_sha256", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_version_source_sha256"), "version", ["source_sha256"])


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
