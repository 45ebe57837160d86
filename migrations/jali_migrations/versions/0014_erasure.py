"""What stands for the words of a purpose once they were erased.

Revision 0014, after 0013. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("access_request", "job", "revision"):
        op.add_column(table, sa.Column("purpose_digest", sa.String(length=64), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
