"""How the token endpoint's answer is read: a grant, or the error that it amounts to.

=====================================  ==========================================================
answer                                 means
=====================================  ==========================================================
JSON with ``error``                    ``TokenRequestError``, unless it is a 200 with a token
another status than 200, or no JSON    ``TokenEndpointUnavailable``; redirects are not followed
no token, or one no header can carry   ``TokenEndpointUnavailable``
``token_type`` other than bearer       ``TokenEndpointUnavailable`` (RFC 6749, 7.1: do not use it)
no ``expires_in``, or null             3 600 s, as Kinde's own SDK assumes
``expires_in`` over a year             a year
another ``expires_in``, not positive   ``TokenEndpointUnavailable``
no ``scope``, or null                  what was asked for (RFC 6749, 5.1)
``scope`` with less than asked         ``ScopeNotGranted``
``scope`` with more than asked         taken as it is: the grant says what the token can do
=====================================  ==========================================================
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NoReturn

from kinde_guard.client.configuration import SCOPE
from kinde_guard.client.errors import (
    ClientCredentialsError,
    ScopeNotGranted,
    TokenEndpointUnavailable,
    TokenRequestError,
)
from kinde_guard.client.grant import TokenGrant
from kinde_guard.client.secret import Secret

DEFAULT_LIFETIME: Final = 3_600
MAX_LIFETIME: Final = 366 * 86_400
"""Seconds."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_RETRY_HEADERS: Final = ("retry-after", "ratelimit-reset")


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """An HTTP answer: its status, its headers (by lower-case name) and its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class AnswerReader:
    """Reads answers to one kind of request.

    Args:
        url: the address that was asked.
        scopes: what was asked for; None for all that are granted.
        secret: is taken out of every text that the server sent.
    """

    url: str
    scopes: tuple[str, ...] | None
    secret: Secret

    def read(self, answer: TokenAnswer, asked_at: float) -> TokenGrant:
        """Return the grant.

        Args:
            answer: what the token endpoint sent.
            asked_at: epoch seconds when the request was sent; the token lives from then on.

        Raises:
            ClientCredentialsError: there is none; its class and message say why.
        """
        try:
            return self._read(answer, asked_at)
        except ClientCredentialsError as error:
            error.retry_after = _retry_after(answer)
            raise

    def _read(self, answer: TokenAnswer, asked_at: float) -> TokenGrant:
        members = _members(answer.body)
        error = members.get("error")
        is_token = answer.status == HTTPStatus.OK and "access_token" in members
        if isinstance(error, str) and error and not is_token:
            raise self._refusal(error, members.get("error_description"), answer.status)
        if answer.status != HTTPStatus.OK:
            raise self.unavailable(_problem(answer.status), answer.status)
        token, lifetime = members.get("access_token"), _lifetime(members.get("expires_in"))
        if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            raise self.unavailable("its answer holds no access token", answer.status)
        if str(members.get("token_type")).lower() != "bearer":
            raise self.unavailable("its token is of another type than Bearer", answer.status)
        if lifetime is None:
            raise self.unavailable("its expires_in is no positive number", answer.status)
        granted = self._granted(members.get("scope"), answer.status)
        return TokenGrant(token, granted, datetime.fromtimestamp(asked_at + lifetime, UTC))

    def _granted(self, scope: object, status: int) -> frozenset[str]:
        if scope is None:
            return frozenset(self.scopes or ())
        if not isinstance(scope, str) or not all(map(SCOPE.fullmatch, scope.split())):
            raise self.unavailable("its scope is no list of scope names", status)
        granted = frozenset(scope.split())
        missing = tuple(name for name in self.scopes or () if name not in granted)
        if missing:
            raise ScopeNotGranted(missing, frozenset(map(self.secret.removed_from, granted)))
        return granted

    def _refusal(self, error: str, description: object, status: int) -> TokenRequestError:
        said = description if isinstance(description, str) else ""
        return TokenRequestError(
            self.secret.removed_from(error), self.secret.removed_from(said), status
        )

    def unavailable(self, problem: str, status: int | None = None) -> TokenEndpointUnavailable:
        """Return the error for what is no answer of a token endpoint."""
        return TokenEndpointUnavailable(self.url, self.secret.removed_from(problem), status)


def _members(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("JSON has no NaN or Infinity")


def _lifetime(expires_in: object) -> float | None:
    if expires_in is None:
        return DEFAULT_LIFETIME
    if not isinstance(expires_in, (int, float)) or isinstance(expires_in, bool):
        return None
    # The comparison comes first: an integer may be too large to be made a float.
    if expires_in > MAX_LIFETIME:
        return None if expires_in == math.inf else MAX_LIFETIME
    return expires_in if expires_in > 0 else None


def _problem(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"it answers with a redirect (HTTP {status}), which is not followed"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "it was asked too often (HTTP 429)"
    return f"it answers with HTTP {status}"


def _retry_after(answer: TokenAnswer) -> float | None:
    for name in _RETRY_HEADERS:
        value = answer.headers.get(name, "")
        # Seconds only: the form with a date would need the two clocks to agree.
        if value.isascii() and value.isdigit():
            return float(value[:9])
    return None
