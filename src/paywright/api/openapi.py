"""The OpenAPI document: Litestar's, made exact where it does not know what we know.

Request bodies are read by msgspec, so msgspec says what they may be; every operation may end in
a problem document; every operation but the public ones needs a key.
"""

import inspect
from http import HTTPStatus
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler

from paywright.api.auth import PUBLIC
from paywright.api.problems import MEDIA_TYPE, Body

_REF = "#/components/schemas/{name}"


_BEARER = "An API key, `pk_…`, or the access token of a session."


def describe(app: Litestar) -> dict[str, Any]:
    """The document, as plain data."""
    document = app.openapi_schema.to_schema()
    schemas: dict[str, Any] = {}
    schemas["Problem"] = _schema(Body, schemas)
    document["components"] = {"schemas": schemas}
    document["components"]["securitySchemes"] = {
        "api_key": {"type": "http", "scheme": "bearer", "description": _BEARER}
    }
    for handler in _handlers(app):
        for path in handler.paths:
            for method in handler.http_methods:
                operation = _operation(document, path, method)
                if operation is not None:
                    _complete(operation, handler, schemas)
    return document


def _handlers(app: Litestar) -> list[HTTPRouteHandler]:
    found = []
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            if isinstance(handler, HTTPRouteHandler) and handler not in found:
                found.append(handler)
    return found


def _operation(document: dict[str, Any], path: str, method: str) -> dict[str, Any] | None:
    template = path.replace(":str}", "}")
    for known, item in document["paths"].items():
        if known in (template, f"/api/v1{template}"):
            return item.get(method.lower())
    return None


def _complete(
    operation: dict[str, Any], handler: HTTPRouteHandler, schemas: dict[str, Any]
) -> None:
    summary, _, text = (inspect.getdoc(handler.fn) or "").partition("\n")
    operation["summary"] = summary.rstrip(".")
    operation["tags"] = [handler.fn.__module__.rpartition(".")[2]]
    operation["description"] = text.strip()
    permission = handler.opt["permission"]
    if permission != PUBLIC:
        operation["security"] = [{"api_key": []}]
        operation["description"] = f"{text.strip()}\n\nNeeds `{permission}`.".strip()
    if (body := handler.opt.get("body")) is not None:
        schema = _schema(body, schemas)
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    responses = operation["responses"]
    responses.pop("400", None)  # Litestar's own form of errors
    answer = _answer(handler)
    for status in handler.opt.get("also", ()):
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
    for response in responses.values():
        if answer is not None:
            response["content"] = {"application/json": {"schema": _schema(answer, schemas)}}
            for media_type in handler.opt.get("also_as", ()):
                response["content"][media_type] = {"schema": {"type": "string"}}
    for parameter in operation.get("parameters", []):
        parameter.pop("allowEmptyValue", None)
    responses["4XX"] = _problem("The request was refused; nothing was changed.")
    responses["5XX"] = _problem("It is our fault, or that of something we depend on.")


def _answer(handler: HTTPRouteHandler) -> Any:
    """The type that a handler answers with; None for what is not JSON."""
    annotation = get_type_hints(handler.fn)["return"]
    if get_origin(annotation) is Response:
        (annotation,) = get_args(annotation)
    return None if annotation in (str, bytes) else annotation


def _problem(description: str) -> dict[str, Any]:
    reference = {"$ref": _REF.format(name="Problem")}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": reference}}}


def _schema(type: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; what it refers to joins `schemas`."""
    (schema,), components = msgspec.json.schema_components([type], ref_template=_REF)
    for name, component in components.items():
        if schemas.setdefault(name, component) != component:
            raise AssertionError(f"two different types of the API are called {name}")
    if type is Body:
        # Members of their own come with some types of problems.
        return components["Body"]
    return schema
