"""What came back from a provider, before anybody has made sense of it."""

import msgspec


class Heard(msgspec.Struct, frozen=True):
    """An answer that has come in as a whole. retry_after_s: None unless it names seconds"""

    status: int
    body: bytes
    retry_after_s: float | None
