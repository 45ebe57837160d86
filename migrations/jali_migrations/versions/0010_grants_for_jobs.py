"""Grants say which kinds of jobs they are for, and how much delta unknown keys may take. Before: all of it.

Revision 0010, after 0009. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_request", sa.Column("job_kinds", sa.Text(), nullable=True))
    op.add_column("access_request", sa.Column("delta", sa.BigInteger(), nullable=True))
    op.add_column("grant", sa.Column("job_kinds", sa.Text(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
