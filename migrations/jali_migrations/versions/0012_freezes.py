"""What is frozen, and grants that were revoked.

Revision 0012, after 0011. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "freeze",
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_freeze_person_id")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_freeze")),
    )


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
