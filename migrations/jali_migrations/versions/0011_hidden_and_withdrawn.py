"""Datasets may be hidden, and say when entities withdrew from them.

Revision 0011, after 0010. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("dataset", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hidden", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("dataset", schema=None) as batch_op:
        batch_op.alter_column("hidden", server_default=None)


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
