"""What the owners have written, what it was asked about last, and the yeses that wait for another."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from jali_node.tables.base import Base, UtcTime


class PolicyRow(Base):
    """One version of the node's policy; the highest number is in force. `person_id` is null for the node's machine."""

    __tablename__ = "policy"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class JudgedRow(Base):
    """The facts of one of the last requests, and what was said to it; never an answer.

    `standing` is what grants alone said, so that another policy can be held against the same facts. Amounts are in
    1e-12 of epsilon.
    """

    __tablename__ = "judged"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id"))
    statistic: Mapped[str | None] = mapped_column(String(40))
    job_kind: Mapped[str | None] = mapped_column(String(40))
    columns: Mapped[str] = mapped_column(Text)
    epsilon: Mapped[int] = mapped_column(BigInteger)
    parameters: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    cap: Mapped[int | None] = mapped_column(BigInteger)
    standing: Mapped[str] = mapped_column(String(20))
    effect: Mapped[str] = mapped_column(String(20))
    rule: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


class ApprovalRow(Base):
    """One person's yes to a request or a job, bound to what they read. `expires_days` is null for jobs.

    `refresh_days` is how often the quota refreshes, null for never.
    """

    __tablename__ = "approval"

    subject_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    epsilon: Mapped[int] = mapped_column(BigInteger)
    refresh_days: Mapped[int | None] = mapped_column(Integer)
    expires_days: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
