"""Kinde's webhooks: a dependency that gives the event, once it is certain that the tenant sent it.

Kinde sends one signed JWT as the body of a POST. It has no issuer and no audience: only the key
tells which tenant sent it, so none but the keys of the guard's own tenant count. The same keys sign
access and ID tokens, so a body that has one of their claims is refused, whatever else it has.

The path of the route needs no token, so it must be one of the guard's ``public_paths``.

Source: Kinde, "About webhooks"; RFC 7515; RFC 8725, section 3.12.
"""

# No "from __future__ import annotations": FastAPI before 0.126 resolves the annotations of a
# dependency that is an object as query parameters then.
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final

from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from kinde_guard.asgi.auth_state import find_auth_state
from kinde_guard.engine import GuardEngine
from kinde_guard.jose.compact_jws import CompactJws, check_signature, parse
from kinde_guard.jose.strict_json import parse_object_or_none
from kinde_guard.openapi import rejection_response
from kinde_guard.requirements.dependency import reject
from kinde_guard.requirements.requirement import SelfDocumenting
from kinde_guard.vocabulary.checks import seconds
from kinde_guard.vocabulary.errors import GuardError, InvalidToken, UnsupportedAlgorithm

MEDIA_TYPE: Final = "application/jwt"

MAX_BYTES: Final = 262_144
"""Bytes of a body."""

MAX_AGE: Final = 172_800
"""Seconds, 48 hours: Kinde retries for 36."""

# Of access and ID tokens; no webhook event has one of them.
_TOKEN_CLAIMS = frozenset({"exp", "iss", "scp", "scope", "azp"})

_TYPES = frozenset({"jwt", "application/jwt"})


class InvalidWebhook(InvalidToken):
    """The body is not a recent webhook event of the guard's own tenant."""

    reason = "invalid_webhook"
    description = "The body is not a webhook event of this tenant, or not a recent one."


class _NoChallenge(GuardError):
    # Another credential would not help.

    def set_challenge(
        self,
        *,
        realm: str | None = None,  # noqa: ARG002
        scope: str | None = None,  # noqa: ARG002
        resource_metadata: str | None = None,  # noqa: ARG002
    ) -> None:
        self.headers = {}


class WebhookTooLarge(_NoChallenge):
    """The body is larger than a webhook event can be (RFC 9110, section 15.5.14)."""

    reason = "webhook_too_large"
    status = 413
    description = "The body is too large for a webhook event."


class UnsupportedWebhookType(_NoChallenge):
    """The body is not declared as ``application/jwt`` (RFC 9110, section 15.5.16)."""

    reason = "unsupported_webhook_type"
    status = 415
    description = "A webhook event is sent as application/jwt."


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Something that happened at Kinde.

    Kinde sends an event again until it is answered with 200, and may send several at once: use
    ``event_id``, which is signed, to find out whether an event was handled before.

    Attributes:
        type: such as ``user.deleted``; Kinde adds new ones.
        event_id: the same on every retry.
        timestamp: when it happened; aware.
        data: what it is about, read-only.
        source: what caused it: ``admin``, ``api`` or ``user``; empty if it is not told.
        webhook_id: the header ``webhook-id``, the same on every retry but not signed.

    Source: Kinde, "About webhooks".

    Example:
        >>> from datetime import UTC
        >>> user = {"user": {"id": "kp_0ba7c433e5d648cf992621ce99d42817"}}
        >>> event = WebhookEvent("user.deleted", "event_1", datetime(2026, 1, 1, tzinfo=UTC), user)
        >>> event.data["user"]["id"]
        'kp_0ba7c433e5d648cf992621ce99d42817'
    """

    type: str
    event_id: str
    timestamp: datetime
    # The second type, which pydantic does not know, has FastAPI refuse a route at import that takes
    # an event without Depends: it would read one from the body that anyone may send.
    data: Mapping[str, Any] | MappingProxyType[str, Any]
    source: str = ""
    webhook_id: str | None = None


class WebhookDependency(SelfDocumenting):
    """A dependency that reads, verifies and gives a webhook event.

    Args:
        guard: the tenant's keys, the algorithms, the clock and the leeway are the guard's.
        max_age: seconds after which an event is refused.

    Attributes:
        guard: as given.
    """

    request_body: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "description": "A webhook event of Kinde: one signed JWT.",
            "required": True,
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "jwt"}}},
        }
    )
    """The Request Body Object of the OpenAPI document."""

    responses: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "401": InvalidWebhook.description,
            "413": WebhookTooLarge.description,
            "415": UnsupportedWebhookType.description,
            "503": "The tenant's keys cannot be had at the moment.",
        }
    )
    """What each refusal means, by status, for the OpenAPI document."""

    def __init__(self, guard: GuardEngine, max_age: float) -> None:
        seconds(0, above=True)("max_age", max_age)
        self.guard = guard
        self._max_age = max_age

    def document(self, operation: dict[str, Any]) -> None:
        """Add the body and the refusals to an operation of the OpenAPI document.

        What the application declared itself is kept.
        """
        operation.setdefault("requestBody", copy.deepcopy(dict(self.request_body)))
        responses = operation.setdefault("responses", {})
        for status, meaning in self.responses.items():
            responses.setdefault(status, rejection_response(status, meaning))

    async def __call__(self, request: Request) -> WebhookEvent:
        """Return the event that a request brings.

        Raises:
            UnsupportedWebhookType: it is not sent as ``application/jwt``.
            WebhookTooLarge: it has more than 256 KiB.
            InvalidToken: it is not signed by the guard's own tenant, or no webhook event.
            KeysUnavailable: the tenant's keys cannot be had; Kinde sends the event again.
        """
        try:
            _check_content_type(request)
            payload = await self._verified(await _bounded_body(request))
            event = _event(payload, request.headers.get("webhook-id"))
            self._check_time(event.timestamp)
        except GuardError as error:
            raise self._rejected(request, error) from None
        return event

    async def _verified(self, body: bytes) -> dict[str, Any]:
        token = parse(body, {})
        if token.algorithm not in self.guard.settings.algorithms:
            raise UnsupportedAlgorithm
        _check_type(token)
        check_signature(token, await self.guard.keys.find(token.key_id))
        payload = parse_object_or_none(token.payload)
        if payload is None:
            raise InvalidWebhook
        return payload

    def _check_time(self, timestamp: datetime) -> None:
        settings = self.guard.settings
        age = settings.clock() - timestamp.timestamp()
        if not -settings.leeway <= age <= self._max_age:
            raise InvalidWebhook

    def _rejected(self, request: Request, error: GuardError) -> GuardError:
        state = find_auth_state(request.scope)
        if state is not None:
            return reject(request.scope, state, error)
        # No guard is in front of this application, which answers the error as an HTTPException.
        self.guard.recorder.rejected(error.reason, error.status, method=request.method)
        return self.guard.complete(error)

    def __repr__(self) -> str:
        return f"<WebhookDependency of {self.guard!r}>"


def kinde_webhook(guard: GuardEngine, *, max_age: float = MAX_AGE) -> WebhookDependency:
    """Return a dependency that gives the :class:`WebhookEvent` of a request.

    Refused are: with 415 another content type than ``application/jwt``; with 413 more than 256 KiB;
    with 401 what no key of the guard's own tenant signed, what is no webhook event (above all
    access and ID tokens of the same tenant), and events that are too old or in the future; with
    503, so that Kinde tries again, everything while there are no keys.

    Args:
        guard: its ``public_paths`` must name the route: ``["POST /webhooks/kinde"]``.
        max_age: seconds after which an event is refused. Kinde retries for 36 hours.

    Raises:
        ConfigurationError: ``max_age`` makes no sense.

    Source: Kinde, "About webhooks".

    Example:
        >>> from typing import Annotated
        >>> from fastapi import Depends, FastAPI
        >>> from kinde_guard import KindeGuard
        >>> guard = KindeGuard(
        ...     "acme.kinde.com",
        ...     audience="https://api.acme.com",
        ...     public_paths=["POST /webhooks/kinde"],
        ... )
        >>> app = FastAPI()
        >>> guard.install(app)
        >>> @app.post("/webhooks/kinde")
        ... async def kinde_event(
        ...     event: Annotated[WebhookEvent, Depends(kinde_webhook(guard))],
        ... ) -> None: ...
    """
    return WebhookDependency(guard, max_age)


def webhook_dependency(dependant: Dependant | None) -> WebhookDependency | None:
    """Return the dependency of a route that takes webhooks; ``None`` where it takes none."""
    for each in () if dependant is None else dependant.dependencies:
        nested = each.call if isinstance(each.call, WebhookDependency) else webhook_dependency(each)
        if nested is not None:
            return nested
    return None


def _check_content_type(request: Request) -> None:
    given = request.headers.getlist("content-type")
    if len(given) != 1 or given[0].partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise UnsupportedWebhookType


async def _bounded_body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 9 or int(declared) > MAX_BYTES):
        raise WebhookTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise WebhookTooLarge
    return bytes(body)


def _check_type(token: CompactJws) -> None:
    given = token.header.get("typ", "JWT")
    if not isinstance(given, str) or given.lower() not in _TYPES:
        raise InvalidWebhook


def _event(payload: dict[str, Any], webhook_id: str | None) -> WebhookEvent:
    if not _TOKEN_CLAIMS.isdisjoint(payload):
        raise InvalidWebhook
    source, data = payload.get("source", ""), payload.get("data")
    if not isinstance(source, str) or not isinstance(data, dict):
        raise InvalidWebhook
    return WebhookEvent(
        type=_text(payload, "type"),
        event_id=_text(payload, "event_id"),
        timestamp=_timestamp(_text(payload, "timestamp")),
        data=_read_only(data),
        source=source,
        webhook_id=webhook_id,
    )


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidWebhook
    return value


def _timestamp(given: str) -> datetime:
    try:
        timestamp = datetime.fromisoformat(given)
        # Without an offset it is no moment; some near the ends of the calendar are none either.
        if timestamp.tzinfo is not None and timestamp.timestamp() >= 0:
            return timestamp
    except (ValueError, OverflowError):
        pass
    raise InvalidWebhook


def _read_only(value: Any) -> Any:  # noqa: ANN401 - JSON holds anything
    if isinstance(value, dict):
        return MappingProxyType({name: _read_only(member) for name, member in value.items()})
    if isinstance(value, list):
        return tuple(_read_only(member) for member in value)
    return value
