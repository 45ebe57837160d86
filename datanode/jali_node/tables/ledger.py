"""Accounts, spends, releases, and the chain that records them."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from jali_node.tables.base import Base, UtcTime


class AccountRow(Base):
    """A cap or a quota. Vectors are JSON lists of whole numbers (1e-12), one for each of the terms' orders.

    Where it is for a window, `window_number` counts those that were opened; without `window_days` no further one is.
    """

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    cap: Mapped[int] = mapped_column(BigInteger)
    terms: Mapped[str] = mapped_column(Text)
    spent: Mapped[str] = mapped_column(Text)
    held: Mapped[str] = mapped_column(Text)
    spent_delta: Mapped[int] = mapped_column(BigInteger)
    held_delta: Mapped[int] = mapped_column(BigInteger)
    window_days: Mapped[int | None] = mapped_column(Integer)
    window_since: Mapped[datetime | None] = mapped_column(UtcTime)
    window_number: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class SpendRow(Base):
    """One spend on its way: held, begun, then committed or settled; or freed before it began.

    A question's spend names its grant; a job's round names its job, whose `job_round` refers back by key.
    """

    __tablename__ = "spend"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    accounts: Mapped[str] = mapped_column(Text)
    event: Mapped[str] = mapped_column(Text)
    cost: Mapped[str] = mapped_column(Text)
    price: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20), index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    grant_id: Mapped[str | None] = mapped_column(ForeignKey("grant.id"))
    job_id: Mapped[str | None] = mapped_column(String(40), index=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("version.id"))
    question: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ReleaseRow(Base):
    """What left the node. `measurements` is the very JSON that was sent.

    `selection` says which rows it is about, `rows` is its digest, and `noise` holds each measurement's standard
    deviation: enough to find the release that answers a later question.
    `from_failure` tells the owner, and only the owner, that rows could not be read and the answer is the noise of an
    empty table.
    """

    __tablename__ = "release"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    spend_id: Mapped[str] = mapped_column(ForeignKey("spend.id"), index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id"))
    version_id: Mapped[str] = mapped_column(ForeignKey("version.id"))
    question: Mapped[str] = mapped_column(String(64))
    statistic: Mapped[str] = mapped_column(Text)
    selection: Mapped[str] = mapped_column(Text)
    rows: Mapped[str] = mapped_column(String(64))
    noise: Mapped[str] = mapped_column(Text)
    asked: Mapped[int] = mapped_column(BigInteger)
    loss: Mapped[str] = mapped_column(Text)
    measurements: Mapped[str] = mapped_column(Text)
    from_failure: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    __table_args__ = (
        Index("ix_release_version_id_question", "version_id", "question"),
        Index("ix_release_version_id_rows", "version_id", "rows"),
    )


class FreezeRow(Base):
    """What spends nothing until it is unfrozen: the node, an account, a dataset or a grant. `final`: for good.

    `subject` is an id, or "node". Without a person it was done at the node's own machine.
    """

    __tablename__ = "freeze"

    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    final: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(Text)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcTime)


class EntryRow(Base):
    """One link of the chain. `body` is canonical JSON, kept as the text that was hashed."""

    __tablename__ = "entry"

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str] = mapped_column(String(40))
    v: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcTime)
    body: Mapped[str] = mapped_column(Text)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class ChainHeadRow(Base):
    """The chain's last link; the one row that every writer locks, so that links form a line."""

    __tablename__ = "chain_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
