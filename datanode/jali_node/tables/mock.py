"""Made-up rows that are handed out freely."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from jali_node.tables.base import Base, UtcTime


class MockRow(Base):
    """One version's made-up rows of one kind (`jali.wire.mock.MockKind`): JSON lists by column, and what they are."""

    __tablename__ = "mock"

    version_id: Mapped[str] = mapped_column(ForeignKey("version.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    label: Mapped[str] = mapped_column(Text)
    columns: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime] = mapped_column(UtcTime)
