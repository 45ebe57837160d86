"""Projects stand on an agreement, and end.

Revision 0009, after 0008. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Projects of before have no agreement number and no end: their owners set one."""
    with op.batch_alter_table("project", schema=None) as batch_op:
        batch_op.add_column(sa.Column("agreement", sa.String(length=200), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("project", schema=None) as batch_op:
        batch_op.alter_column("agreement", server_default=None)


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
