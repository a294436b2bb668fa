"""From a request to an act and back: who asks, whether it is a repetition, and what is answered."""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from paywright.simulator.requests import AnyRequest, is_declined
from paywright.simulator.stripe.accounts import Account, Kept, StripeBooks
from paywright.simulator.stripe.entries import Done, Entry
from paywright.simulator.stripe.errors import StripeError, error_body, no_such
from paywright.simulator.stripe.forms import Form, read_form
from paywright.simulator.stripe.journal import happenings_of
from paywright.simulator.stripe.keys_in_use import release_key
from paywright.simulator.stripe.objects import check_paths, expanded, told, view
from paywright.simulator.stripe.shelf import Made, Shelf
from paywright.simulator.stripe.tokens import MISSING_ACCOUNT
from paywright.simulator.webhooks import STRIPE_API_VERSION, OutgoingEvent

T = TypeVar("T", bound=Made)

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z_]+)?")
_KEY_MAX = 255
STRIPE_KEY = "sk_test_simulator"  # so begin all keys that are good, each of an account


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request. id: the one in the path, or empty; settle_after: what a knob says"""

    books: StripeBooks
    account: Account
    at: datetime
    idempotency_key: str | None
    form: Form
    id: str
    settle_after: timedelta
    is_declined: bool


class Acted(msgspec.Struct, frozen=True):
    """What an act comes to. shown: the id of what is answered with; with status 402 its error"""

    shown: str
    entries: tuple[Entry, ...]
    status: int = 200


Act = Callable[[Call], Acted]
Look = Callable[[Call], dict[str, Any]]


class _Asker(msgspec.Struct, frozen=True):
    api_key: str
    connected: str


async def answer_look(request: AnyRequest, state: State, look: Look) -> Response[bytes]:
    """Answer what changes nothing."""
    request_id = _request_id(state)
    try:
        asker = _asker(request)
        call = _call(request, state, asker, None, read_form(request.url.query))
        return _response(200, look(call), request, request_id)
    except StripeError as error:
        return _response(error.status, error.body, request, request_id)


async def answer_act(request: AnyRequest, state: State, act: Act) -> Response[bytes]:
    """Do it once for its idempotency key: the same again gets the same answer."""
    request_id = _request_id(state)
    raw = await request.body()
    try:
        asker = _asker(request)
        key = _key(request)
        call = _call(request, state, asker, key, read_form(raw.decode(errors="replace")))
        fingerprint = _fingerprint(call.form)
        kept = None if key is None else call.account.kept(key, call.at)
        if kept is not None:
            _check_same(kept, request.url.path, fingerprint, key)
            replayed = {"Idempotent-Replayed": "true"}
            body = _shown(call.account, kept)
            return _response(kept.status, body, request, request_id, replayed)
        expand = _expand_of(call.form)
        acted = act(call)
        done = Done(
            at=call.at,
            api_key=asker.api_key,
            connected=asker.connected,
            request_id=request_id,
            idempotency_key=key,
            path=request.url.path,
            fingerprint=fingerprint,
            status=acted.status,
            shown=acted.shown,
            expand=expand,
            entries=acted.entries,
        )
        call.books.add(done)
        _announce(state, call.account, done)
        return _response(acted.status, _shown(call.account, done), request, request_id)
    except StripeError as error:
        return _response(error.status, error.body, request, request_id)
    finally:
        release_key(request.scope)


def answer_nowhere(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """Answer what is asked of a path, or in a way, that leads nowhere."""
    path = request.url.path
    if not path.startswith("/stripe/"):
        body = {"code": "not_found", "message": error.detail}
        return Response(body, status_code=error.status_code)
    path = path.removeprefix("/stripe")
    body = error_body(
        f"Unrecognized request URL ({request.method}: {path}).", type="invalid_request_error"
    )
    return _response(404, body, request, _request_id(request.app.state))


def _asker(request: AnyRequest) -> _Asker:
    """Raises StripeError, 401, 400 or 403."""
    given = request.headers.get("authorization", "")
    api_key = given.removeprefix("Bearer ").strip()
    if not given:
        raise StripeError(401, "You did not provide an API key.")
    if not given.startswith("Bearer ") or not api_key.startswith(STRIPE_KEY):
        raise StripeError(401, f"Invalid API Key provided: {api_key[:8]}***")
    version = request.headers.get("stripe-version", STRIPE_API_VERSION)
    if not _VERSION.fullmatch(version):
        raise StripeError(400, f"Invalid Stripe API version: {version}")
    connected = request.headers.get("stripe-account", "")
    if connected and (not connected.startswith("acct_") or connected == MISSING_ACCOUNT):
        raise StripeError(
            403,
            f"The provided key does not have access to account '{connected}'.",
            code="account_invalid",
        )
    return _Asker(api_key, connected)


def _call(request: AnyRequest, state: State, asker: _Asker, key: str | None, form: Form) -> Call:
    books: StripeBooks = state.books.stripe
    return Call(
        books=books,
        account=books.account(asker.api_key, asker.connected),
        at=books.moment(state.clock()),
        idempotency_key=key,
        form=form,
        id=request.path_params.get("id", ""),
        settle_after=timedelta(milliseconds=state.faults.sides["stripe"].faults.settle_after_ms),
        is_declined=is_declined(request),
    )


def _key(request: AnyRequest) -> str | None:
    """Raises StripeError, 400."""
    key = request.headers.get("idempotency-key") or None
    if key is not None and len(key) > _KEY_MAX:
        raise StripeError(400, f"Idempotency keys have {_KEY_MAX} characters at most.")
    return key


def _fingerprint(form: Form) -> str:
    return hashlib.sha256(msgspec.json.encode(form, order="deterministic")).hexdigest()[:32]


def _check_same(kept: Kept, path: str, fingerprint: str, key: str | None) -> None:
    """Raises StripeError, 400, when a key comes back with another request."""
    if (kept.path, kept.fingerprint) == (path, fingerprint):
        return
    what = "parameters" if kept.path == path else f"endpoint ('{kept.path}')"
    raise StripeError(
        400,
        f"Keys for idempotent requests can only be used with the same {what} they were first "
        f"used with. Try using a key other than '{key}' for another request.",
        type="idempotency_error",
    )


def _expand_of(form: Form) -> tuple[str, ...]:
    """Raises StripeError, 400: before anything is done."""
    given = form.get("expand", [])
    if not isinstance(given, list) or not all(isinstance(path, str) for path in given):
        raise StripeError(400, "Invalid array", param="expand")
    check_paths(given)
    return tuple(given)


def _shown(account: Account, done: Done | Kept) -> dict[str, Any]:
    """The body of an answer, as it was when it was given."""
    body = view(account, account.known(done.shown), done.at)
    if done.status == 402:
        return error_body(**body["last_payment_error"], payment_intent=body)
    return expanded(account, body, done.expand, done.at)


def _announce(state: State, account: Account, done: Done) -> None:
    for happening in happenings_of(done):
        state.webhooks.announce(
            OutgoingEvent(
                side="stripe",
                id=happening.id,
                type=happening.type,
                object=happening.object,
                created_at=happening.created_at,
                data=told(account, happening),
                idempotency_key=done.idempotency_key,
                account=account.connected or None,
            )
        )


def _request_id(state: State) -> str:
    return f"req_sim{next(state.stripe_requests):010}"


def _response(
    status: int,
    body: dict[str, Any],
    request: AnyRequest,
    request_id: str,
    more: dict[str, str] | None = None,
) -> Response[bytes]:
    headers = {
        "Request-Id": request_id,
        "Stripe-Version": request.headers.get("stripe-version", STRIPE_API_VERSION),
        **(more or {}),
    }
    if key := request.headers.get("idempotency-key"):
        headers["Idempotency-Key"] = key
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


def found(call: Call, shelf: Shelf[T], what: str, *, param: str = "id", id: str | None = None) -> T:
    """The thing of the path, or of a parameter. Raises StripeError, 404 or 400."""
    wanted = call.id if id is None else id
    thing = shelf.get(wanted)
    if thing is None:
        raise no_such(what, wanted, param=param, status=404 if id is None else 400)
    return thing
