"""Answers that are bytes already, because they are kept under an idempotency key."""

from typing import Any

from litestar import Response

from paywright.api.problems import MEDIA_TYPE
from paywright.idempotency import Answer


def respond(answer: Answer, *, replayed: bool) -> Response[Any]:
    """The bytes as a response. Routes name its type in their annotation, for the description."""
    media_type = MEDIA_TYPE if answer.status >= 400 else "application/json"
    headers = {"content-type": media_type}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, status_code=answer.status, media_type=media_type, headers=headers)
