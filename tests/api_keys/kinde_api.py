"""The part of Kinde's Management API that knows API keys, in the process."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from kinde_guard.api_keys import ApiKeys
from kinde_guard.api_keys.verifier import KeyVerifier
from kinde_guard.client import ClientCredentials
from tests.mint import FrozenClock

ISSUER = "https://acme.kinde.com"
AUDIENCE = "https://api.acme.com"
API_ID = "7ccd126599aa422a771abcb341596881"
KEY = b"k_live_0123456789abcdefghijABCDEFGHIJ"
KEY_ID = "api_key_0123"

Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def good(**members: Any) -> dict[str, Any]:
    """Return the answer about a good key."""
    return {
        "code": "API_KEY_VERIFIED",
        "message": "API key verified",
        "is_valid": True,
        "key_id": KEY_ID,
        "status": "active",
        "scopes": ["read:users"],
        "org_code": None,
        "user_id": "kp_1",
        "last_verified_on": None,
        "verification_count": 1,
        **members,
    }


class KindeApi:
    """Answers about the keys that were added, and counts what is asked."""

    def __init__(self, clock: FrozenClock, monotonic: FrozenClock) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.keys: dict[str, dict[str, Any]] = {KEY.decode(): good()}
        self.api_ids: dict[str, Any] = {KEY_ID: [API_ID]}
        self.apis: Any = [{"id": API_ID, "name": "Users", "audience": AUDIENCE}]
        self.asked: Counter[str] = Counter()
        self.requests: list[httpx.Request] = []
        self.verify: httpx.Response | Handler | Exception | None = None
        self.details: httpx.Response | None = None
        self.apis_answer: httpx.Response | None = None
        self.token: httpx.Response | None = None
        self.accepts_token: Callable[[str], bool] = lambda token: True

    @property
    def verifications(self) -> int:
        """How often a key was asked for."""
        return self.asked["verify"]

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        path = request.url.path
        name = "details" if "/api_keys/api_key" in path else path.rpartition("/")[2]
        self.asked[name] += 1
        bearer = request.headers.get("Authorization", "")
        if name != "verify" and not (bearer and self.accepts_token(bearer.removeprefix("Bearer "))):
            return httpx.Response(401, json={"errors": []})
        answer: httpx.Response = await getattr(self, f"_{name}")(request)
        return answer

    async def _verify(self, request: httpx.Request) -> httpx.Response:
        answer = self.verify
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            given = answer(request)
            return given if isinstance(given, httpx.Response) else await given
        if answer is not None:
            # A response can be read only once.
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.read())
        return self.verdict(request)

    def verdict(self, request: httpx.Request) -> httpx.Response:
        """Return what is known of the key of a request."""
        known = self.keys.get(json.loads(request.content)["api_key"])
        return httpx.Response(200, json=known or {"is_valid": False, "scopes": []})

    async def _details(self, request: httpx.Request) -> httpx.Response:
        if self.details is not None:
            return self.details
        key_id = request.url.path.rpartition("/")[2]
        key = {"id": key_id, "api_ids": self.api_ids[key_id]}
        return httpx.Response(200, json={"code": "OK", "api_key": key})

    async def _apis(self, request: httpx.Request) -> httpx.Response:
        if self.apis_answer is not None:
            return self.apis_answer
        return httpx.Response(200, json={"code": "OK", "apis": self.apis})

    def _token_endpoint(self, request: httpx.Request) -> httpx.Response:
        self.asked["token"] += 1
        if self.token is not None:
            return self.token
        number = self.asked["token"]
        return httpx.Response(
            200,
            json={"access_token": f"token-{number}", "expires_in": 86400, "token_type": "bearer"},
        )

    def credentials(self) -> ClientCredentials:
        """Return credentials for this API."""
        return ClientCredentials(
            ISSUER,
            client_id="0123abcd",
            client_secret="s3cret",
            audience=f"{ISSUER}/api",
            clock=self.clock,
            monotonic=self.monotonic,
            http_client=httpx.Client(transport=httpx.MockTransport(self._token_endpoint)),
        )

    def bind(self, **settings: Any) -> KeyVerifier:
        """Return a verifier that asks here."""
        audience = settings.pop("audience", (AUDIENCE,))
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.handle))
        return ApiKeys(http_client=client, **settings).bind(ISSUER, audience, self.monotonic)

    def bind_to_api(self, **settings: Any) -> KeyVerifier:
        """Return a verifier that asks here and refuses keys of other APIs."""
        return self.bind(credentials=self.credentials(), **settings)
