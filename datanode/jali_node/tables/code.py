"""Code jobs, and their outputs in the airlock. `policy/code_state` alone says which status may follow which."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from jali_node.tables.access import Revised
from jali_node.tables.base import Base, UtcTime


class CodeJobRow(Revised, Base):
    """One code job: the wish as it was sent, the dataset version it is for, how it runs, and where it stands.

    `attempt` counts claims; only the newest claim can put an output into the airlock. `begun_entry` is where the chain
    says that rows may be read.
    """

    __tablename__ = "code_job"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id"), index=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("version.id"))
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    form: Mapped[str] = mapped_column(Text)
    plan: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    worker_id: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    begun_entry: Mapped[int | None] = mapped_column(BigInteger)


class CodeOutputRow(Base):
    """What a code job gave back. `content` is its canonical text, empty once it was destroyed.

    `seal` is a digest over it and `salt`: the chain has it from the moment it is held, and it tells nothing until both
    are known. `checks` are JSON, for whoever decides. `entry` is where the chain says that it was released.
    """

    __tablename__ = "code_output"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("code_job.id"), unique=True)
    seal: Mapped[str] = mapped_column(String(64))
    salt: Mapped[str] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(Text)
    checks: Mapped[str] = mapped_column(Text)
    held_at: Mapped[datetime] = mapped_column(UtcTime)
    held_until: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    entry: Mapped[int | None] = mapped_column(BigInteger)
