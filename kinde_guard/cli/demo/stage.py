"""Where the tour is played: an API, the tenant that it trusts, and an application of that tenant.

This module is all that a real tenant offers. Local Kinde can do more, mint any token and disturb
its key set, and adds that to the tables ``tokens`` and ``events``; a scenario that asks for what is
in neither table is skipped, and says so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from kinde_guard.cli.demo import wire
from kinde_guard.cli.demo.scenarios import Api, Ask, Call, Event, Listen, Scenario, Token
from kinde_guard.cli.demo.wire import Answer
from kinde_guard.verification.scopes import granted_scopes

READ_USERS = "read:users"


@dataclass(frozen=True, slots=True)
class Application:
    """Who asks the token endpoint, and for which API."""

    client_id: str
    client_secret: str = field(repr=False)
    audiences: tuple[str, ...]


class Stage:
    """An API and its tenant, ready to be asked.

    Attributes:
        issuer: the tenant's exact issuer.
        apis: the base URL of each instance of the API.
        application: the application that the tour acts as.
        limited: one that was granted less, if there is one.
        tokens: makes each kind of token that this stage can make.
        events: brings about each event that this stage can bring about.
    """

    def __init__(
        self, *, issuer: str, api: str, application: Application, client: httpx.Client
    ) -> None:
        self.issuer = issuer
        self.apis = {Api.MAIN: api}
        self.application = application
        self.limited: Application | None = None
        self.tokens: dict[Token, Callable[[], str]] = {
            Token.ALL: lambda: self.grant().document["access_token"],
            Token.READ: lambda: self.grant(READ_USERS).document["access_token"],
            Token.EDITED: lambda: edited(self.tokens[Token.ALL]()),
            Token.MALFORMED: lambda: "not-a-token",
        }
        self.events: dict[Event, Callable[[], None]] = {}
        self._client = client
        self._grants: dict[str | None, Answer] = {}

    @property
    def granted(self) -> frozenset[str]:
        """The scopes that the application has on this API."""
        return granted_scopes(claims_of(self.tokens[Token.ALL]()), ("scope", "scp"))

    def obstacle(self, scenario: Scenario) -> str | None:
        """Say why this stage cannot play a scenario; ``None`` if it can."""
        request = scenario.request
        late = isinstance(request, Call) and request.api is Api.LATE
        event = Event.KEYS_DOWN_COLD if late else scenario.event
        if event is not None and event not in self.events:
            return "needs local Kinde's faults"
        if scenario.token is not None and scenario.token not in self.tokens:
            return "needs a token that only local Kinde makes"
        if isinstance(request, Ask) and request.limited_application and self.limited is None:
            return "needs a second application"
        asks_read = isinstance(request, Ask) and request.scope == READ_USERS
        if (asks_read or scenario.token is Token.READ) and READ_USERS not in self.granted:
            return f"the application is not granted {READ_USERS}"
        return None

    def answer(self, scenario: Scenario) -> Answer:
        """Bring about what must happen first, send the request, and return what came back.

        Raises:
            Unreachable: there was no answer.
        """
        if scenario.event is not None:
            self.events[scenario.event]()
        token = None if scenario.token is None else self.tokens[scenario.token]()
        match scenario.request:
            case Call(method, path, api, body):
                url = self.apis[api] + path
                return wire.call(self._client, method, url, token=token, body=body)
            case Listen(path):
                url = self.apis[Api.MAIN].replace("http", "ws", 1) + path
                return wire.open_websocket(url, token=token)
            case Ask(scope, limited_application=True) if self.limited is not None:
                return self._ask(self.limited, scope)
            case Ask(scope):
                return self.grant(scope)

    def grant(self, scope: str | None = None) -> Answer:
        """Ask for a token, once: Kinde bills each one.

        Raises:
            Unreachable: there was no answer.
        """
        if scope not in self._grants:
            self._grants[scope] = self._ask(self.application, scope)
        return self._grants[scope]

    def _ask(self, application: Application, scope: str | None) -> Answer:
        return wire.ask_for_token(
            self._client,
            self.issuer,
            client_id=application.client_id,
            client_secret=application.client_secret,
            audiences=application.audiences,
            scope=scope,
        )


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a token of our own, unverified: who holds it may look into it."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def edited(token: str) -> str:
    """Write another scope into a token, as an attacker without the signing key would."""
    header, _, signature = token.split(".")
    claims = claims_of(token)
    claims["scope"] = f"{claims.get('scope', '')} owner:everything".strip()
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"
