"""Caps and quotas may be for windows, and yeses say so.

Revision 0013, after 0012. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("window_days", sa.Integer(), nullable=True))
    op.add_column("account", sa.Column("window_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("account", sa.Column("window_number", sa.Integer(), nullable=True))
    op.add_column("approval", sa.Column("refresh_days", sa.Integer(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
