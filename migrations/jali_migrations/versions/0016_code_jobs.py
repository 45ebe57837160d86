"""Code jobs and the airlock, off for every dataset; populations know where their promise ended.

Revision 0016, after 0015. Runs before a deploy.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "code_job",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("version_id", sa.String(length=40), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("decided_at", time, nullable=True),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(length=64), nullable=True),
        sa.Column("lease_until", time, nullable=True),
        sa.Column("begun_entry", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("purpose_digest", sa.String(length=64), nullable=True),
        sa.Column("answer_by", time, nullable=True),
        sa.Column("undecided_until", time, nullable=True),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_code_job_dataset_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_code_job_decided_by")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_code_job_person_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_code_job_project_id")),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_code_job_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_job")),
    )
    for column in ("dataset_id", "project_id", "person_id", "status"):
        op.create_index(op.f(f"ix_code_job_{column}"), "code_job", [column])
    op.create_table(
        "code_output",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("held_at", time, nullable=False),
        sa.Column("held_until", time, nullable=False),
        sa.Column("decided_at", time, nullable=True),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_code_output_decided_by")),
        sa.ForeignKeyConstraint(["job_id"], ["code_job.id"], name=op.f("fk_code_output_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_output")),
        sa.UniqueConstraint("job_id", name=op.f("uq_code_output_job_id")),
    )
    op.add_column("dataset", sa.Column("code_jobs", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("population", sa.Column("promise_ended_entry", sa.BigInteger(), nullable=True))
    op.add_column("population", sa.Column("promise_ended_at", time, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
