"""The REST API's frame: `/api/v1`, its OpenAPI document, and blueprints whose decorators keep their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask
from flask_smorest import Api, Blueprint
from marshmallow import Schema

from foundation.web.access import public, view_of

View = TypeVar("View", bound=Callable[..., Any])


class _QuietApi(Api):  # type: ignore[misc]
    def _register_error_handlers(self) -> None:
        # Its own would answer pages with JSON too; foundation.web.errors answers both.
        return


class ApiBlueprint(Blueprint):  # type: ignore[misc]
    """Calls of one package under /api/v1; they are documented by their schemas and docstrings."""

    def __init__(self, name: str, import_name: str, *, description: str) -> None:
        super().__init__(name, import_name, url_prefix="/api/v1", description=description)

    def call(
        self, method: str, rule: str, *, answer: type[Schema] | Schema, status: int = 200
    ) -> Callable[[View], View]:
        """Route `method` and `rule` to a view that returns what `answer` can dump."""

        def decorate(view: View) -> View:
            answered = self.response(status, answer)(view)
            self.add_url_rule(rule, view_func=answered, methods=[method])
            return view

        return decorate

    def csv(self, rule: str) -> Callable[[View], View]:
        """Route GET and `rule` to a view that returns a CSV file as its response."""

        def decorate(view: View) -> View:
            answered = self.response(200, {"type": "string"}, content_type="text/csv")(view)
            self.add_url_rule(rule, view_func=answered, methods=["GET"])
            return view

        return decorate

    def described(self, **operation: Any) -> Callable[[View], View]:
        """Add to the OpenAPI description of a call what no schema says."""
        decorate: Callable[[View], View] = self.doc(**operation)
        return decorate

    def uploads(self, file: str, *others: str, **fields: Any) -> Callable[[View], View]:
        """Describe a form with a file that must be there, others that may be, and fields by their OpenAPI schemas."""
        files = {name: {"type": "string", "format": "binary"} for name in (file, *others)}
        form = {"type": "object", "required": [file], "properties": {**files, **fields}}
        return self.described(requestBody={"required": True, "content": {"multipart/form-data": {"schema": form}}})

    def takes(self, schema: type[Schema], location: str = "json") -> Callable[[View], View]:
        """Check the body (or the query: location "query") by `schema`; the view gets it as its first argument."""
        # unknown=None leaves it to the schema; webargs would let a misspelt query parameter pass.
        decorate: Callable[[View], View] = self.arguments(schema, location=location, unknown=None)
        return decorate


def make_api(app: Flask) -> Api:
    """The API of an application; `/api/v1/openapi.json` describes it and is open to everybody."""
    app.config.update(
        API_TITLE="Outage compensation",
        API_VERSION="v1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": "Calls take a bearer token: `Authorization: Bearer TOKEN`."},
            "security": [{"bearer": []}],
        },
    )
    api = _QuietApi(app)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    endpoint = "api-docs.openapi_json"
    app.view_functions[endpoint] = public(_plain(view_of(app, endpoint)))
    return api


def _plain(bound: Callable[[], Any]) -> Callable[[], Any]:
    # A bound method takes no attributes, and `public` is one.
    def serve_openapi() -> Any:
        return bound()

    return serve_openapi
