"""Who is at the console: a random id in a cookie, and what the next page is to show them.

The cookie is HttpOnly and SameSite=Strict. The CSRF token is a MAC of the session's id under a key
that exists in this process only, so a session needs no room until it has done something. What is
kept (a notice for the next page, the tokens that were asked for) is bounded, oldest out first.

Used from the event loop only.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

MAX_SESSIONS: Final = 64
MAX_TOKENS: Final = 16

_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Notice:
    """What the next page is to say first."""

    text: str
    kind: Literal["done", "problem"] = "done"
    place: str = ""
    """The id of the part of the page that it is about; "" for the top."""


@dataclass(frozen=True)
class KeptToken:
    """A token that was asked for on the console, until it is shown no more."""

    raw: str = field(repr=False)
    client_id: str
    audience: str


@dataclass(frozen=True)
class Secret:
    """A secret that the next page of its owner shows, once."""

    owner: str
    """The id of the application or the API key."""
    value: str = field(repr=False)


@dataclass
class Session:
    """What is kept for one session."""

    notice: Notice | None = None
    secret: Secret | None = None
    tokens: OrderedDict[str, KeptToken] = field(default_factory=OrderedDict)

    def keep(self, token: KeptToken) -> str:
        """Keep a token, and return the name under which it is found again."""
        name = secrets.token_urlsafe(12)
        self.tokens[name] = token
        while len(self.tokens) > MAX_TOKENS:
            self.tokens.popitem(last=False)
        return name


class Sessions:
    """The sessions of one console."""

    def __init__(self, issuer: str) -> None:
        url = urlsplit(issuer)
        # Cookies do not see ports: two local tenants on one host must not share a name.
        self.cookie: Final = f"local_kinde_console_{url.port or url.scheme}"
        self._is_secure = url.scheme == "https"
        self._key = secrets.token_bytes(32)
        self._kept: OrderedDict[str, Session] = OrderedDict()

    def id_of(self, request: Request) -> str:
        """Return the id of the session that ``request`` belongs to; a new one if to none."""
        known: str | None = getattr(request.state, "console_session", None)
        if known is None:
            sent = request.cookies.get(self.cookie, "")
            known = sent if _ID.fullmatch(sent) else secrets.token_urlsafe(32)
            request.state.console_session = known
        return known

    def of(self, request: Request) -> Session:
        """Return what is kept for the request's session, to read or to add to."""
        session_id = self.id_of(request)
        session = self._kept.setdefault(session_id, Session())
        self._kept.move_to_end(session_id)
        while len(self._kept) > MAX_SESSIONS:
            self._kept.popitem(last=False)
        return session

    def find_token(self, request: Request, name: str) -> KeptToken | None:
        """Return the token that this session keeps under ``name``."""
        session = self._kept.get(self.id_of(request))
        return None if session is None else session.tokens.get(name)

    def take_notice(self, request: Request) -> Notice | None:
        """Return what the session is to be told, once."""
        session = self._kept.get(self.id_of(request))
        if session is None:
            return None
        notice, session.notice = session.notice, None
        return notice

    def take_secret(self, request: Request) -> Secret | None:
        """Return the secret that the session asked for, once."""
        session = self._kept.get(self.id_of(request))
        if session is None:
            return None
        secret, session.secret = session.secret, None
        return secret

    def csrf_token(self, request: Request) -> str:
        """Return what a form of this session must carry."""
        return hmac.digest(self._key, self.id_of(request).encode(), "sha256").hex()

    def is_csrf_token(self, request: Request, sent: str) -> bool:
        """Tell whether ``sent`` is the session's CSRF token."""
        return hmac.compare_digest(self.csrf_token(request).encode(), sent.encode())

    def set_cookie(self, request: Request, response: Response, path: str) -> None:
        """Have the browser keep the session, unless it does."""
        session_id = self.id_of(request)
        if request.cookies.get(self.cookie) != session_id:
            response.set_cookie(
                self.cookie,
                session_id,
                path=path,
                secure=self._is_secure,
                httponly=True,
                samesite="strict",
            )
