"""A dataset may have made-up rows that its owner wrote, or that were drawn from a release.

Revision 0005, after 0004. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mock",
        sa.Column("version_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_mock_version_id")),
        sa.PrimaryKeyConstraint("version_id", "kind", name=op.f("pk_mock")),
    )


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
