"""Jobs and their rounds. `policy/job_state` alone says which status may follow which."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from jali_node.tables.access import Revised
from jali_node.tables.base import Base, UtcTime


class JobRow(Revised, Base):
    """One training job: the wish as it was sent, the dataset version it was quoted for, and where it stands.

    Of those that wait, the one with the highest `priority` goes first. One that is paused begins no round until then.
    """

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id"), index=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("version.id"))
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    training: Mapped[str] = mapped_column(Text)
    weights: Mapped[str] = mapped_column(Text)
    plan: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    paused_until: Mapped[datetime | None] = mapped_column(UtcTime)


class JobRoundRow(Base):
    """One round of a job: what it began with, who works on it until when, and the reply, stored before it is sent.

    `attempt` counts claims; only the newest claim can store a reply, so that one draw at most ever leaves.
    """

    __tablename__ = "job_round"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    spend_id: Mapped[str] = mapped_column(ForeignKey("spend.id"), unique=True)
    run: Mapped[str | None] = mapped_column(String(64))
    digest: Mapped[str | None] = mapped_column(String(64))
    weights: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), index=True)
    attempt: Mapped[int] = mapped_column(Integer)
    worker_id: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    reply: Mapped[str | None] = mapped_column(Text)
    from_failure: Mapped[bool] = mapped_column(Boolean)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)


class WorkerRow(Base):
    """A worker that was seen: the process that goes by this name, where, and behind which walls its rounds run.

    `process` is random, so that two processes of one name are told apart.
    """

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    process: Mapped[str] = mapped_column(String(32))
    host: Mapped[str] = mapped_column(String(200))
    tier: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
