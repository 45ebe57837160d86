"""A real OIDC provider as a process: Django OAuth Toolkit, which shares no code with the node's client.

It is told on standard input which lie its next ID token shall tell; without one it is as honest as it is in production.
Run: python -m tests.oidc.server FOLDER. It prints its address.
"""

import base64
import hmac
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET, PASSWORD = "jali-node", "a secret of the node and the provider", "swordfish"
PEOPLE = {"dana": ("Dana Scientist", []), "rosa": ("Rosa Reviewer", ["reviewers", "staff"]), "ivan": ("Ivan", [])}
KEY = RSAKey.generate_key(2048)
FOREIGN_KEY = RSAKey.generate_key(2048, {"kid": KEY.thumbprint()})
lies: list[str] = []


def configured(folder: Path, issuer: str) -> None:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="a test's own",  # noqa: S106
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "provider.db"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        ROOT_URLCONF="tests.oidc.urls",
        LOGIN_URL="/login",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # it is the provider's speed, not ours
        USE_TZ=True,
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": KEY.as_pem(private=True).decode(),
            "OIDC_ISS_ENDPOINT": issuer,
            "OAUTH2_VALIDATOR_CLASS": "tests.oidc.validator.Validator",
            "PKCE_REQUIRED": True,
            "SCOPES": {"openid": "who", "profile": "name", "email": "address"},
        },
    )
    django.setup()


def furnished(portal: str) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    for name in PEOPLE:
        User.objects.create_user(name, password=PASSWORD)
    Application.objects.create(
        client_id=CLIENT,
        client_secret=SECRET,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=f"http://127.0.0.1/back {portal}",
        algorithm=Application.RS256_ALGORITHM,
        skip_authorization=True,
    )


def told(honest: str) -> str:
    """Return the ID token that leaves: the honest one, unless a lie was ordered."""
    if not lies:
        return honest
    claims: dict[str, Any] = json.loads(jws.extract_compact(honest.encode()).payload)
    header: dict[str, Any] = {"alg": "RS256", "kid": KEY.thumbprint()}
    key: Any = KEY
    now = int(time.time())
    match lies.pop():
        case "another nonce":
            claims["nonce"] = "of-another-sign-in"
        case "no nonce":
            del claims["nonce"]
        case "another audience":
            claims["aud"] = "another-client"
        case "meant for another party":
            claims |= {"aud": [CLIENT, "another-client"], "azp": "another-client"}
        case "expired":
            claims |= {"iat": now - 7200, "exp": now - 3600}
        case "without an end":
            del claims["exp"]
        case "from the future":
            claims |= {"iat": now + 3600, "nbf": now + 3600, "exp": now + 7200}
        case "another issuer":
            claims["iss"] = "https://evil.example"
        case "no subject":
            del claims["sub"]
        case "a subject that is no text":
            claims["sub"] = {"dana": True}
        case "another access token":
            claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA"
        case "another key":
            key = FOREIGN_KEY
        case "no signature":
            return f"{encoded({'alg': 'none'})}.{encoded(claims)}."
        case "a MAC with the client's secret":
            header, key = {"alg": "HS256"}, OctKey.import_key(SECRET)
        case "a MAC with the public key":
            signed = f"{encoded({'alg': 'HS256'})}.{encoded(claims)}"
            mac = hmac.digest(KEY.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        case "a changed payload":
            head, _, signature = honest.split(".")
            claims["sub"] = "2"
            return ".".join([head, encoded(claims), signature])
        case unknown:
            raise ValueError(unknown)
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


def main() -> None:
    folder, portal = Path(sys.argv[1]), sys.argv[2]
    server = make_server("127.0.0.1", 0, lambda environ, start: [], handler_class=Quiet)
    address = f"http://127.0.0.1:{server.server_port}"
    configured(folder, f"{address}/o")
    furnished(portal)
    from django.core.wsgi import get_wsgi_application

    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(address, flush=True)  # noqa: T201 - whoever started it reads it
    for line in sys.stdin:
        lies[:] = [lie for lie in [line.strip()] if lie]
        print("told", flush=True)  # noqa: T201


if __name__ == "__main__":
    from tests.oidc import server as this  # the validator imports it by this name

    this.main()
