"""A token for a person: shown once."""

from datetime import UTC, datetime

from sqlalchemy import select

from jali_node import audit
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.people import tokens
from jali_node.tables import PersonRow

DAYS_MAX = 3650


def create_token(node: Node, person_name: str, days: int) -> tuple[str, datetime]:
    """Return a new token's text, which is kept nowhere, and when it ends.

    Raises:
        InvalidRequest: there is no such person, or the days are out of range.
    """
    if not 1 <= days <= DAYS_MAX:
        raise InvalidRequest(f"expected 1 <= days <= {DAYS_MAX}, got {days}", field="days")
    with node.database.writing() as session:
        person = session.scalars(select(PersonRow).where(PersonRow.name == person_name)).one_or_none()
        if person is None:
            raise InvalidRequest(f"there is no person {person_name}; add one with jali node user add", field="person")
        row, text = tokens.issue(session, person.id, days, datetime.now(UTC))
        audit.record(session, audit.TOKEN_ISSUED, token=row.id, person=person.id)
        return text, row.expires_at
