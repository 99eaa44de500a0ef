"""Who is signed in at a browser: a random id in a cookie, and the person whom it stands for.

The cookie is HttpOnly and SameSite=Lax: it must come along when an application sends the browser
here. A sign-in gives the browser a new id, so that nothing set before it is worth anything after.
What is kept is bounded, oldest out first. Used from the event loop only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

MAX_SESSIONS: Final = 1_000

_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class BrowserSession:
    """A person who signed in at a browser."""

    user_id: str
    org_code: str | None
    signed_in_at: float
    """Seconds since the epoch."""


class BrowserSessions:
    """The sessions of one tenant."""

    def __init__(self, issuer: str) -> None:
        url = urlsplit(issuer)
        # Cookies do not see ports: two local tenants on one host must not share a name.
        self.cookie: Final = f"local_kinde_session_{url.port or url.scheme}"
        self._is_secure = url.scheme == "https"
        self._key = secrets.token_bytes(32)
        self._kept: OrderedDict[str, BrowserSession] = OrderedDict()

    def id_of(self, request: Request) -> str:
        """Return the id that the browser has; a new one if it has none."""
        known: str | None = getattr(request.state, "sign_in_session", None)
        if known is None:
            sent = request.cookies.get(self.cookie, "")
            known = sent if _ID.fullmatch(sent) else secrets.token_urlsafe(32)
            request.state.sign_in_session = known
        return known

    def of(self, request: Request) -> BrowserSession | None:
        """Return the session that a request belongs to, if anyone is signed in there."""
        return self._kept.get(self.id_of(request))

    def name_of(self, request: Request) -> str:
        """Return what a database may call the browser's session: it tells no one its id."""
        return hashlib.sha256(self.id_of(request).encode()).hexdigest()

    def start(self, request: Request, session: BrowserSession) -> None:
        """Begin a session under a new id, in place of the browser's former one."""
        self._kept.pop(self.id_of(request), None)
        session_id = secrets.token_urlsafe(32)
        request.state.sign_in_session = session_id
        self._kept[session_id] = session
        while len(self._kept) > MAX_SESSIONS:
            self._kept.popitem(last=False)

    def end(self, request: Request) -> None:
        """End the browser's session."""
        self._kept.pop(self.id_of(request), None)

    def csrf_token(self, request: Request) -> str:
        """Return what a form of this browser must carry."""
        return hmac.digest(self._key, self.id_of(request).encode(), "sha256").hex()

    def is_csrf_token(self, request: Request, sent: str) -> bool:
        """Tell whether ``sent`` is that."""
        return hmac.compare_digest(self.csrf_token(request).encode(), sent.encode())

    def set_cookie(self, request: Request, response: Response) -> None:
        """Have the browser keep its id, unless it does."""
        session_id = self.id_of(request)
        if request.cookies.get(self.cookie) != session_id:
            response.set_cookie(
                self.cookie,
                session_id,
                secure=self._is_secure,
                httponly=True,
                samesite="lax",
            )

    def delete_cookie(self, response: Response) -> None:
        """Have the browser forget its id."""
        response.delete_cookie(self.cookie, secure=self._is_secure, httponly=True, samesite="lax")
