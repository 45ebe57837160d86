"""The outbox: notices that must leave, written in the transaction that they tell of."""

from datetime import datetime

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from jali_node.tables.base import Base, UtcTime


class NoticeRow(Base):
    """One notice to one receiver, whose address stands in the settings alone.

    `id` stays the same over all attempts, so that a receiver can tell a repeated one. A waiting notice is due at
    `next_at`; whoever sends it moves that on before the attempt, so that a killed process's notice is due again.
    """

    __tablename__ = "notice"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    receiver: Mapped[str] = mapped_column(String(240))
    event: Mapped[str] = mapped_column(String(40))
    about: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), index=True)
    attempts: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    trouble: Mapped[str] = mapped_column(String(200))
