"""An OIDC provider as a node asks it: authorization code with PKCE (RFC 7636), and an ID token that is checked.

Its metadata and keys are fetched anew for each sign-in: they are small, sign-ins are rare, and a key that the provider
has withdrawn is not believed a minute longer. Redirects are not followed; what it says is never shown or logged.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from jali_node.errors import NodeUnavailable, NotSignedIn
from jali_node.providers import ProviderSettings, is_safe

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures with the provider's own key. Neither `none`, nor a MAC with a secret that two parties hold."""
LEEWAY_S = 60
TIMEOUT_S = 10.0
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class Secrets:
    """What was made up for one sign-in, and must come back: in the address, in the ID token, and from us."""

    state: str
    nonce: str
    verifier: str


def address(provider: ProviderSettings, redirect_uri: str, secrets: Secrets) -> str:
    """Return where a browser signs in.

    Raises:
        NodeUnavailable: the provider does not answer, or not as its issuer.
    """
    with _client() as client:
        metadata = _metadata(client, provider)
    return str(
        prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=provider.client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=" ".join(provider.scopes),
            state=secrets.state,
            nonce=secrets.nonce,
            code_challenge=create_s256_code_challenge(secrets.verifier),  # type: ignore[no-untyped-call]
            code_challenge_method="S256",
        )
    )


def claims(
    provider: ProviderSettings, redirect_uri: str, secrets: Secrets, code: str, iss: str | None, now: datetime
) -> dict[str, Any]:
    """Return what the provider vouches for about whoever came back with a code.

    Raises:
        NotSignedIn: the code is not good (any more), or the ID token is not one for this node and this sign-in.
        NodeUnavailable: the provider does not answer, or not as its issuer.
    """
    with _client() as client:
        metadata = _metadata(client, provider)
        if (iss or metadata.get("authorization_response_iss_parameter_supported")) and iss != provider.issuer:
            raise refused("another issuer answered")  # RFC 9207
        token = _exchanged(client, metadata, provider, redirect_uri, secrets, code)
        keys = _fetched(client, "GET", metadata["jwks_uri"])
    return _checked(token, keys, provider, secrets, now)


def _exchanged(
    client: httpx2.Client,
    metadata: dict[str, Any],
    provider: ProviderSettings,
    redirect_uri: str,
    secrets: Secrets,
    code: str,
) -> dict[str, Any]:
    secret = provider.secret
    accepted = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    confidential = "client_secret_basic" if "client_secret_basic" in accepted else "client_secret_post"
    body = prepare_token_request(
        "authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=secrets.verifier
    )
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    method = confidential if secret else "none"
    authentication = ClientAuth(provider.client_id, secret, method)
    url, headers, body = authentication.prepare("POST", metadata["token_endpoint"], headers, body)  # type: ignore[no-untyped-call]
    return _fetched(client, "POST", url, headers=headers, content=body)


def _checked(
    token: dict[str, Any], keys: dict[str, Any], provider: ProviderSettings, secrets: Secrets, now: datetime
) -> dict[str, Any]:
    """Return an ID token's claims once its signature, issuer, audience, times and nonce have been found good."""
    try:
        decoded = jwt.decode(str(token["id_token"]), KeySet.import_key_set(keys), algorithms=list(ALGORITHMS))  # type: ignore[arg-type]
        found = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
                "sub": {"essential": True},
            },
            params={"client_id": provider.client_id, "access_token": token.get("access_token")},
        )
        found.validate(now=int(now.timestamp()), leeway=LEEWAY_S)
    except (JoseError, KeyError, ValueError, TypeError) as error:
        raise refused(f"its ID token does not hold ({type(error).__name__})") from None
    if not hmac.compare_digest(str(found.get("nonce", "")).encode(), secrets.nonce.encode()):
        raise refused("its ID token is of another sign-in")
    if not isinstance(found["sub"], str) or not 1 <= len(found["sub"]) <= SUBJECT_MAX:
        raise refused("its ID token names nobody")
    return dict(found)


SUBJECT_MAX = 255
"""OpenID Connect Core, section 2."""


def _metadata(client: httpx2.Client, provider: ProviderSettings) -> dict[str, Any]:
    metadata = _fetched(client, "GET", get_well_known_url(provider.issuer, external=True))
    if metadata.get("issuer") != provider.issuer or not all(is_safe(str(metadata.get(name))) for name in ENDPOINTS):
        raise NodeUnavailable("the provider does not answer as the issuer that the node knows; tell an owner")
    return dict(OpenIDProviderMetadata(metadata))


def _fetched(client: httpx2.Client, method: str, url: str, **request: Any) -> dict[str, Any]:
    try:
        response = client.request(method, url, **request)
        found = response.json()
    except (httpx2.HTTPError, ValueError):
        raise NodeUnavailable("the provider does not answer now; try again, or sign in by another way") from None
    if response.status_code in (400, 401, 403) and method == "POST":
        raise refused("it does not know the code, or not any more")
    if not response.is_success or not isinstance(found, dict):
        raise NodeUnavailable("the provider does not answer now; try again, or sign in by another way")
    return found


def _client() -> httpx2.Client:
    return httpx2.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=True)


def refused(reason: str) -> NotSignedIn:
    """Return the refusal of what a provider's browser brought back."""
    return NotSignedIn(f"the provider's answer was not accepted: {reason}; begin again")
