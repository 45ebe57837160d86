"""The people of a node, as its owners look after them."""

from collections.abc import Iterable

from jali.eda.facts import built
from jali.transport import Transport
from jali.wire.person import (
    Erasure,
    ErasureForm,
    IdentityForm,
    Invitation,
    InvitationForm,
    Person,
    PersonForm,
    Role,
    RoleForm,
    Token,
)


class People:
    """Who may come in. Overseers read it; only owners change it.

    Example::

        people = jali.connect().owner.people
        nora = people.add("Nora New", role="reviewer")
        people.invite(nora).text  # give it to her: it is shown once
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self) -> list[Person]:
        """Return everybody by name, those who were removed too."""
        return self._transport.get("/v1/people", list[Person])

    def add(self, name: str, role: Role | str = Role.DATA_SCIENTIST, projects: Iterable[str] = ()) -> Person:
        """Add a person, as a member of the named projects, and return them. They come in with an invitation.

        Raises:
            InvalidRequest: the name is taken, or a project is unknown.
        """
        form = built(PersonForm, name=name, role=role, projects=tuple(projects))
        return self._transport.post("/v1/people", form, Person)

    def invite(self, person: Person, days: int = 7) -> Invitation:
        """Make out an invitation for a first or a new password, or to bind a provider. An older one ends.

        Args:
            person: whom.
            days: how long it is good, 1 to 30 days.
        """
        form = built(InvitationForm, days=days)
        return self._transport.post(f"/v1/people/{person.id}/invitation", form, Invitation)

    def change_role(self, person: Person, role: Role | str) -> Person:
        """Give a person another role, from their next request on.

        Raises:
            InvalidRequest: they are the last owner.
        """
        return self._transport.put(f"/v1/people/{person.id}/role", built(RoleForm, role=role), Person)

    def remove(self, person: Person) -> Person:
        """Remove a person: their sessions, tokens and memberships end at once. What they did stays on record.

        Raises:
            InvalidRequest: they are the last owner.
        """
        return self._transport.delete(f"/v1/people/{person.id}", Person)

    def erase(self, person: Person, also: Iterable[str] = ()) -> Erasure:
        """Remove a person and put a pseudonym in the place of their name, wherever this node's tables hold it.

        The chain holds no names and stays as it is. What was taken out of the node before is not reached: backups,
        files of entries, a project's evidence. docs/how-to/audit.md says what remains.

        Args:
            person: whom; one who was removed, too.
            also: what else names them: another spelling, a first name, an e-mail address.

        Raises:
            InvalidRequest: they are the last owner, or were erased already.
        """
        form = built(ErasureForm, also=tuple(also))
        return self._transport.post(f"/v1/people/{person.id}/erasure", form, Erasure)

    def bind(self, person: Person, issuer: str, subject: str) -> Person:
        """Say who a person is to an OIDC provider, so that they can sign in with it.

        Raises:
            InvalidRequest: the provider's subject is somebody else here.
        """
        form = built(IdentityForm, issuer=issuer, subject=subject)
        return self._transport.post(f"/v1/people/{person.id}/identities", form, Person)

    def tokens(self, person: Person) -> list[Token]:
        """Return a person's tokens and sessions that have not ended."""
        return self._transport.get(f"/v1/people/{person.id}/tokens", list[Token])

    def revoke(self, person: Person, token: Token) -> Token:
        """End one of a person's tokens or sessions at once.

        Raises:
            UnknownResource: there is no such token of theirs.
        """
        return self._transport.delete(f"/v1/people/{person.id}/tokens/{token.id}", Token)
