"""Populations of privacy units, and the datasets about them."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from jali_node.tables.base import Base, UtcTime


class PopulationRow(Base):
    """The units that one promise covers. Its account outlives every dataset version.

    `ranking_key` (hexadecimal, secret) decides which rows of an entity are read; it is the same for every version.
    `promise_ended_entry` is the chain's first entry of a release without a guarantee, where the promise ended.
    """

    __tablename__ = "population"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    unit: Mapped[str] = mapped_column(String(20))
    units: Mapped[int] = mapped_column(BigInteger)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), unique=True)
    ranking_key: Mapped[str] = mapped_column(String(64))
    promise_ended_entry: Mapped[int | None] = mapped_column(BigInteger)
    promise_ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class DatasetRow(Base):
    """A dataset's name; what it is now is its current version.

    A `hidden` one is shown to nobody without a grant or an overseeing role. `withdrawn_at` is when entities were last
    taken out because they withdrew. `code_jobs` says that functions may be submitted to run over it, and `one_job` that
    training jobs run over it one after the other.
    """

    __tablename__ = "dataset"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    population_id: Mapped[str] = mapped_column(ForeignKey("population.id"), index=True)
    version_id: Mapped[str] = mapped_column(String(40), unique=True)
    hidden: Mapped[bool] = mapped_column(Boolean, default=False)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    code_jobs: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    one_job: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class VersionRow(Base):
    """One registered state of a dataset.

    `card` is its public JSON. `sha256`, `size` and `mtime_ns` recognise the file and never leave the node: whoever
    knew all rows but one could confirm the last by the hash. `source_sha256` is that of the table as it was given,
    before it was copied: by it a table is known again from which people have withdrawn.
    """

    __tablename__ = "version"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id"), index=True)
    card: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    source_sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    registered_at: Mapped[datetime] = mapped_column(UtcTime)


class ReleaseTimeRow(Base):
    """How long after its charge an answer leaves, for one class of plans (`work`) on one version.

    Found on made-up rows, and never changed. `late` counts the answers that were not ready then.
    """

    __tablename__ = "release_time"

    version_id: Mapped[str] = mapped_column(ForeignKey("version.id"), primary_key=True)
    work: Mapped[str] = mapped_column(String(64), primary_key=True)
    after_ns: Mapped[int] = mapped_column(BigInteger)
    late: Mapped[int] = mapped_column(BigInteger)
    found_at: Mapped[datetime] = mapped_column(UtcTime)
