"""Workers that were seen; jobs that are paused, and in which order they go; datasets that take one at a time.

Revision 0017, after 0016. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "worker",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("process", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=True),
        sa.Column("started_at", time, nullable=False),
        sa.Column("seen_at", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
    )
    op.add_column("job", sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("job", sa.Column("paused_until", time, nullable=True))
    op.add_column("dataset", sa.Column("one_job", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
