"""One's own account on a node: tokens for scripts, the password, and the end of a session."""

from collections.abc import Iterable

from jali.eda.facts import built
from jali.transport import Transport
from jali.wire.person import NewToken, Scope, Token, TokenForm
from jali.wire.signin import Ended, NewPassword


class Account:
    """What everybody may do for themselves. Free.

    Example::

        account = jali.connect().account
        made = account.make_token("nightly report", scopes=["ask"], days=30)
        made.text  # shown once
        account.revoke(made.token)
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def tokens(self) -> list[Token]:
        """Return one's own tokens and sessions that have not ended, the newest first."""
        return self._transport.get("/v1/me/tokens", list[Token])

    def make_token(self, name: str = "", scopes: Iterable[Scope | str] = tuple(Scope), days: int = 90) -> NewToken:
        """Make a token for oneself and return it; its text is shown this once.

        Args:
            name: what it is for, so that it is known again.
            scopes: what it is good for, at most: any of catalog, ask, train, review, admin. One made with a token can
                do no more than that token, and ends no later.
            days: how long it is good, 1 to 3650 days.

        Raises:
            InvalidRequest: an input has the wrong form.
            AccessDenied: the token that this is asked with is not for these scopes.
        """
        form = built(TokenForm, name=name, scopes=tuple(scopes), days=days)
        return self._transport.post("/v1/me/tokens", form, NewToken)

    def revoke(self, token: Token | str) -> Token:
        """End one of one's own tokens or sessions at once, and return what it was.

        Raises:
            UnknownResource: there is no such token of one's own.
        """
        token_id = token if isinstance(token, str) else token.id
        return self._transport.delete(f"/v1/me/tokens/{token_id}", Token)

    def change_password(self, current: str, new: str) -> int:
        """Change one's password, and return how many sessions ended by it: all, this one too. Tokens stay.

        Raises:
            InvalidRequest: the current one is wrong, or the new one has fewer than 15 characters.
            TooManyAttempts: the current one was wrong too often; `facts["wait_s"]` says how long to wait.
        """
        form = built(NewPassword, current=current, new=new)
        return self._transport.put("/v1/me/password", form, Ended).ended

    def sign_out(self) -> None:
        """End this session on the node.

        Raises:
            AccessDenied: one came with a token, which is no session.
        """
        self._transport.delete("/v1/me/session", Ended)
