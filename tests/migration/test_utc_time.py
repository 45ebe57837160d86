"""Times on both databases: naive ones are refused, and what comes back is aware UTC, to the microsecond."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from jali_node.actions.operations.migrate import migrate
from jali_node.store.database import Database
from jali_node.tables import ProjectRow

KATHMANDU = timezone(timedelta(hours=5, minutes=45))
MOMENTS = [
    datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 3, 1, 0, 0, 0, 1, tzinfo=KATHMANDU),
    datetime(1969, 12, 31, 23, 59, 59, 123_456, tzinfo=timezone(timedelta(hours=-11))),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a migrated database of each kind."""
    opened = Database(database_url)
    migrate(opened)
    yield opened
    opened.close()


def test_a_naive_time_is_refused_and_nothing_is_written(database: Database) -> None:
    naive = datetime.now(UTC).replace(tzinfo=None)
    with pytest.raises(StatementError, match="expected an aware time"), database.writing() as session:
        session.add(ProjectRow(id="prj_1", name="study", purpose="", created_at=naive))
    with pytest.raises(StatementError, match="expected an aware time"), database.reading() as session:
        session.scalars(select(ProjectRow).where(ProjectRow.created_at < naive)).all()
    with database.reading() as session:
        assert session.scalars(select(ProjectRow)).all() == []


def test_an_aware_time_comes_back_as_the_same_moment_in_utc(database: Database) -> None:
    with database.writing() as session:
        for number, moment in enumerate(MOMENTS):
            session.add(ProjectRow(id=f"prj_{number}", name=f"{number}", purpose="", created_at=moment))
    with database.reading() as session:
        if database.url.get_backend_name() == "postgresql":
            session.execute(text("SET TIME ZONE 'Asia/Kathmandu'"))  # the server's own zone must not matter
        found = session.scalars(select(ProjectRow.created_at).order_by(ProjectRow.id)).all()
        before = session.scalars(select(ProjectRow.id).where(ProjectRow.created_at < MOMENTS[0])).all()
    assert found == MOMENTS
    assert {moment.utcoffset() for moment in found} == {timedelta(0)}
    assert all(moment.tzinfo is UTC for moment in found)
    assert sorted(before) == ["prj_1", "prj_2"], "they are compared as moments, not as texts"
