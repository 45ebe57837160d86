"""Answers leave at a time that is found once for a class of plans, and the late ones are counted.

Revision 0004, after 0003. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "release_time",
        sa.Column("version_id", sa.String(length=40), nullable=False),
        sa.Column("work", sa.String(length=64), nullable=False),
        sa.Column("after_ns", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.BigInteger(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_release_time_version_id")),
        sa.PrimaryKeyConstraint("version_id", "work", name=op.f("pk_release_time")),
    )


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
