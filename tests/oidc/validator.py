"""What the provider says of people, and the lies that it is told to tell."""

from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator
from tests.oidc import server


class Validator(OAuth2Validator):  # type: ignore[misc]
    oidc_claim_scope = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        name, groups = server.PEOPLE[request.user.username]
        return {"name": name, "groups": groups}

    def finalize_id_token(self, *args: Any) -> str:
        return server.told(super().finalize_id_token(*args))
