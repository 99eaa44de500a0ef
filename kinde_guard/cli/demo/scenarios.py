"""The tour as data: what is asked, with which token, what must be answered, and why.

Nothing here runs anything. The stage says where tokens come from and how the world is disturbed,
the tour runs the scenarios in order, the report shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Token(StrEnum):
    """A token to call with, by what is special about it."""

    ALL = "all scopes"
    READ = "read:users only"
    EXPIRED = "expired"
    FORGED = "signed by a stranger"
    EDITED = "edited by its bearer"
    AUDIENCE = "another audience"
    MALFORMED = "not a JWT"
    NEW_KEY = "signed by the new key"
    OLD_KEY = "signed by the old key"


class Event(StrEnum):
    """Something that happens to the key set before a request is made."""

    KEYS_DOWN_COLD = "keys down, new API"
    KEYS_BACK = "keys back"
    KEYS_DOWN_WARM = "keys down again"
    KEYS_ROTATED = "keys rotated"


class Api(StrEnum):
    """Which instance of the API is asked."""

    MAIN = "main"
    LATE = "started while the key set was down"


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request to the API."""

    method: str
    path: str
    api: Api = Api.MAIN
    body: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Listen:
    """A WebSocket to the API, with the token as a subprotocol, as a browser sends it."""

    path: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a token, with client credentials, at the token endpoint."""

    scope: str | None = None
    limited_application: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be answered.

    Attributes:
        status: the HTTP status.
        reason: the ``reason`` of the guard's problem document, or the token endpoint's ``error``.
        challenge: parameters of ``WWW-Authenticate``, but for the ``error_description``; ``None``
            where there must be no such header.
        retry_after: whether there must be a ``Retry-After`` header.
    """

    status: int
    reason: str | None = None
    challenge: Mapping[str, str] | None = None
    retry_after: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One line of the tour.

    Attributes:
        name: identifies the line in the JSON report.
        request: what is asked, of whom.
        token: what the caller presents; ``None`` presents nothing.
        needs: the scopes that the route asks for, as far as the token decides the answer.
        event: what happens first.
        expected: what must be answered, provided the token holds what it says.
        why: the explanation, for a person.
    """

    name: str
    request: Call | Listen | Ask
    expected: Expected
    why: str
    token: Token | None = None
    needs: tuple[str, ...] = ()
    event: Event | None = None


def _invalid_token(reason: str) -> Expected:
    return Expected(401, reason, {"realm": "api", "error": "invalid_token"})


def lacks(*scopes: str) -> Expected:
    """Return the answer to a good token without these scopes."""
    challenge = {"realm": "api", "error": "insufficient_scope", "scope": " ".join(scopes)}
    return Expected(403, "insufficient_scope", challenge)


NO_TOKEN = Expected(401, "missing_token", {"realm": "api"})
NO_KEYS = Expected(503, "keys_unavailable", retry_after=True)
OK = Expected(200)
CREATED = Expected(201)
SWITCHED = Expected(101)

READ_USERS = Call("GET", "/users")
ADD_USER = Call("POST", "/users", body={"name": "Ada Lovelace", "email": "ada@example.com"})
LATE_READ_USERS = Call("GET", "/users", Api.LATE)

SECTIONS: Mapping[str, tuple[Scenario, ...]] = {
    "No token": (
        Scenario(
            name="public",
            request=Call("GET", "/health"),
            expected=OK,
            why="A public path needs no token; all others do.",
        ),
        Scenario(
            name="no_token",
            request=READ_USERS,
            expected=NO_TOKEN,
            why="Nothing presented, so the challenge names no error.",
        ),
    ),
    "Scopes": (
        Scenario(
            name="ask_all",
            request=Ask(),
            expected=OK,
            why="No scope asked for: all that the application has.",
        ),
        Scenario(
            name="all_write",
            request=ADD_USER,
            token=Token.ALL,
            needs=("create:users",),
            expected=CREATED,
            why="The token holds create:users.",
        ),
        Scenario(
            name="all_read",
            request=READ_USERS,
            token=Token.ALL,
            needs=("read:users",),
            expected=OK,
            why="The token holds read:users.",
        ),
        Scenario(
            name="ask_subset",
            request=Ask("read:users"),
            expected=OK,
            why="The same application asks for less than it has.",
        ),
        Scenario(
            name="subset_read",
            request=READ_USERS,
            token=Token.READ,
            expected=OK,
            why="Reading needs read:users and nothing else.",
        ),
        Scenario(
            name="subset_write",
            request=ADD_USER,
            token=Token.READ,
            expected=lacks("create:users"),
            why="A good token that may not write: see what it lacks.",
        ),
        Scenario(
            name="ask_not_granted",
            request=Ask("delete:users", limited_application=True),
            expected=Expected(400, "invalid_scope"),
            why="Never granted to this application, so never issued.",
        ),
    ),
    "Untrusted tokens": (
        Scenario(
            name="expired",
            request=READ_USERS,
            token=Token.EXPIRED,
            expected=_invalid_token("expired_token"),
            why="Its exp has passed.",
        ),
        Scenario(
            name="forged",
            request=READ_USERS,
            token=Token.FORGED,
            expected=_invalid_token("invalid_signature"),
            why="Names Kinde's key id, but another key signed it.",
        ),
        Scenario(
            name="edited",
            request=ADD_USER,
            token=Token.EDITED,
            expected=_invalid_token("invalid_signature"),
            why="A scope was written in; the signature does not fit.",
        ),
        Scenario(
            name="audience",
            request=READ_USERS,
            token=Token.AUDIENCE,
            expected=_invalid_token("wrong_audience"),
            why="Genuine, but made for another API.",
        ),
        Scenario(
            name="malformed",
            request=READ_USERS,
            token=Token.MALFORMED,
            expected=_invalid_token("malformed_token"),
            why="Refused before anything is decoded.",
        ),
    ),
    "WebSocket": (
        Scenario(
            name="websocket_no_token",
            request=Listen("/users/feed"),
            expected=NO_TOKEN,
            why="A WebSocket is guarded like any other route.",
        ),
        Scenario(
            name="websocket",
            request=Listen("/users/feed"),
            token=Token.READ,
            expected=SWITCHED,
            why="Open: changes to users now arrive here.",
        ),
    ),
    "Key set out of reach": (
        Scenario(
            name="keys_down_cold",
            event=Event.KEYS_DOWN_COLD,
            request=LATE_READ_USERS,
            token=Token.ALL,
            expected=NO_KEYS,
            why="No keys to check the token with: no fault of the caller, so no 401.",
        ),
        Scenario(
            name="keys_down_ready",
            request=Call("GET", "/ready", Api.LATE),
            expected=Expected(503),
            why="guard.ready, as a load balancer asks for it.",
        ),
        Scenario(
            name="keys_back",
            event=Event.KEYS_BACK,
            request=LATE_READ_USERS,
            token=Token.ALL,
            expected=OK,
            why="The same process, without a restart.",
        ),
        Scenario(
            name="keys_down_warm",
            event=Event.KEYS_DOWN_WARM,
            request=LATE_READ_USERS,
            token=Token.ALL,
            expected=OK,
            why="Refreshing fails; the keys in hand still serve.",
        ),
    ),
    "Key rotation": (
        Scenario(
            name="new_key",
            event=Event.KEYS_ROTATED,
            request=READ_USERS,
            token=Token.NEW_KEY,
            expected=OK,
            why="An unknown key id: one fetch of the key set finds it.",
        ),
        Scenario(
            name="old_key",
            request=READ_USERS,
            token=Token.OLD_KEY,
            expected=_invalid_token("unknown_key"),
            why="Good until its key was gone from the key set.",
        ),
    ),
}
