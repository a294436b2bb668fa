"""The words of the record for what a provider answered."""

import msgspec

from paywright.gateway.model import Answer, Approved, Declined, Lost, NotFound, Pending, Why

_CODE_MAX = 100  # characters of a decline code, as the column has room
_REFERENCE_MAX = 200


def kept(answer: Answer | NotFound) -> Answer | NotFound:
    """An answer that there is room for on file.

    A name that cannot be kept as it is would be another name: then nobody knows what became of it.
    """
    if isinstance(answer, Lost | NotFound):
        return answer
    reference = answer.reference or ""
    if len(reference) > _REFERENCE_MAX or "\0" in reference:
        return Lost(why=Why.UNREADABLE, detail="a reference that cannot be kept")
    if isinstance(answer, Declined):
        code = _code(answer.code) or "unknown"
        return answer if code == answer.code else msgspec.structs.replace(answer, code=code)
    return answer


def _code(text: str) -> str:
    return text.replace("\0", "")[:_CODE_MAX]


def outcome_of(answer: Answer | NotFound) -> tuple[str, str | None]:
    """The word, and the code of the decline or why the answer is lost."""
    match answer:
        case Approved():
            return "approved", None
        case Declined(code=code):
            return "declined", _code(code)
        case Pending():
            return "pending", None
        case NotFound():
            return "not_found", None
        case Lost(why=why, sent=sent):
            return "lost" if sent else "unsent", why.value
