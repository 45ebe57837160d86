"""Requests have kinds and revisions, a discussion, and a day on which they lapse; notices wait in an outbox.

Revision 0007, after 0006. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_revisions("access_request", "job")
    with op.batch_alter_table("access_request", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=20), nullable=False, server_default="access"))
        batch_op.add_column(sa.Column("query", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("question", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("raises", sa.String(length=40), nullable=True))
        batch_op.create_index(batch_op.f("ix_access_request_question"), ["question"], unique=False)
    with op.batch_alter_table("access_request", schema=None) as batch_op:
        batch_op.alter_column("kind", server_default=None)
    with op.batch_alter_table("grant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("question", sa.String(length=64), nullable=True))
    op.create_table(
        "revision",
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "number", name=op.f("pk_revision")),
    )
    op.create_table(
        "remark",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=True),
        sa.Column("happened", sa.String(length=20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_remark_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remark")),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("receiver", sa.String(length=240), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("about", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_remark_subject_id"), "remark", ["subject_id"], unique=False)
    op.create_index(op.f("ix_notice_state"), "notice", ["state"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")


def _add_revisions(*tables: str) -> None:
    """What was asked before has one revision, and lapses on no day: nobody was told of one."""
    for table in tables:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
            batch_op.add_column(sa.Column("answer_by", sa.DateTime(timezone=True), nullable=True))
            batch_op.add_column(sa.Column("undecided_until", sa.DateTime(timezone=True), nullable=True))
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column("revision", server_default=None)
