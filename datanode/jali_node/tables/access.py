"""Wishes, their revisions, what was said about them, and what was granted."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from jali_node.tables.base import Base, UtcTime


class Revised:
    """What requests and jobs share: the newest revision's number, when an answer is due, and when the wish lapses.

    `purpose_digest` stands for the words of the purpose, in what decisions are bound to, once some of them were erased.
    """

    revision: Mapped[int] = mapped_column(Integer, default=1)
    purpose_digest: Mapped[str | None] = mapped_column(String(64))
    answer_by: Mapped[datetime | None] = mapped_column(UtcTime)
    undecided_until: Mapped[datetime | None] = mapped_column(UtcTime)


class AccessRequestRow(Revised, Base):
    """One wish in its newest revision, and the decision about it.

    `statistics`, `columns` and `job_kinds` are JSON lists, or null for all; `delta` (1e-18) is what unknown keys may
    take, null for all that there is. A wish to ask one question holds it as JSON, and
    `question` is the digest of it at its price; a wish for more names the grant that it `raises`.
    """

    __tablename__ = "access_request"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id"), index=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20), default="access")
    purpose: Mapped[str] = mapped_column(Text)
    epsilon: Mapped[int] = mapped_column(BigInteger)
    statistics: Mapped[str | None] = mapped_column(Text)
    columns: Mapped[str | None] = mapped_column(Text)
    job_kinds: Mapped[str | None] = mapped_column(Text)
    delta: Mapped[int | None] = mapped_column(BigInteger)
    query: Mapped[str | None] = mapped_column(Text)
    question: Mapped[str | None] = mapped_column(String(64), index=True)
    raises: Mapped[str | None] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(20), index=True)
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(Text)


class RevisionRow(Base):
    """A wish as it was before it was resubmitted: JSON, as it was read. Of a job's weights only the digest."""

    __tablename__ = "revision"

    subject_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(Text)
    purpose_digest: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class RemarkRow(Base):
    """Something that was said or done about a request or a job. Without a person, a rule or the calendar did it."""

    __tablename__ = "remark"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject_id: Mapped[str] = mapped_column(String(40), index=True)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    happened: Mapped[str] = mapped_column(String(20))
    revision: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


class GrantRow(Base):
    """The allow: a person may ask these statistics of these columns, and submit jobs of these kinds, for a project,
    within a quota, until a day.

    With a `question`, it is for that one at its price, and for nothing else.
    """

    __tablename__ = "grant"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("access_request.id"), unique=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id"), index=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), unique=True)
    statistics: Mapped[str | None] = mapped_column(Text)
    columns: Mapped[str | None] = mapped_column(Text)
    job_kinds: Mapped[str | None] = mapped_column(Text)
    question: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
