"""The OpenAPI document, as the routes keep it: each refusal is problem+json, and a wrong form is a 400."""

from typing import Any

from fastapi import FastAPI

from jali.wire.problem import MEDIA_TYPE, Problem

_FRAMEWORK = ("HTTPValidationError", "ValidationError")
"""What FastAPI would answer a wrong form with; this node answers InvalidRequest."""
_LATER = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
_ASKED, _REFUSED, _WITH_RETRY = "202", "400", ("429", "503")


def describe(app: FastAPI) -> None:
    """Have the application hand out the document of what it really answers."""
    made = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            corrected(made())
        assert app.openapi_schema is not None  # noqa: S101 - made just now
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def corrected(document: dict[str, Any]) -> None:
    """Give every refusal of a document its form and media type, in place."""
    schemas = document["components"]["schemas"]
    for name in _FRAMEWORK:
        schemas.pop(name, None)
    for item in document["paths"].values():
        for operation in item.values():
            responses = operation["responses"]
            responses.pop("422", None)
            for status, response in responses.items():
                if status == _ASKED or status >= _REFUSED:
                    response["content"] = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
                if status in _WITH_RETRY:
                    response["headers"] = _LATER
