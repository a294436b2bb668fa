"""How the API says no. Source of types, codes and words: docs.stripe.com/api/errors."""

from typing import Any


class StripeError(Exception):
    """An answer that is no success, in the shape of Stripe's. Nothing was done, nothing is kept."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, type=type, code=code, param=param, **more)


def error_body(
    message: str, *, type: str, code: str | None = None, param: str | None = None, **more: Any
) -> dict[str, Any]:
    """The body of an error; what is None is left out."""
    fields = {**more, "code": code, "doc_url": doc_url(code), "message": message}
    fields |= {"param": param, "type": type}
    return {"error": {name: value for name, value in fields.items() if value is not None}}


def doc_url(code: str | None) -> str | None:
    if code is None:
        return None
    return "https://stripe.com/docs/error-codes/" + code.replace("_", "-")


def no_such(what: str, id: str, *, param: str, status: int = 404) -> StripeError:
    """404 where it is named in the path, 400 where it is named in a parameter."""
    return StripeError(status, f"No such {what}: '{id}'", code="resource_missing", param=param)
