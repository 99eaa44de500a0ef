"""Sign-ins of people to applications, and the codes and refresh tokens that each of them gave.

Of codes and refresh tokens only a digest is kept. An access token is kept whole, because a refresh
gives the same one again while it has not expired.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kinde_guard.local.store.database import Row
from kinde_guard.local.store.signing_keys import SigningKeys

KEPT_FOR: Final = 86_400
"""Seconds that an expired code or refresh token is remembered, so that its reuse is noticed."""

_ADD: Final = """
INSERT INTO sign_ins (
    id, client_id, user_id, org_code, audience, scopes, nonce, auth_time, session_id
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *
"""
_ADD_CODE: Final = """
INSERT INTO authorization_codes (digest, sign_in_id, redirect_uri, code_challenge, expires_at)
VALUES (?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class SignIn:
    """A person who signed in to an application."""

    id: str
    client_id: str
    user_id: str
    org_code: str | None
    audience: tuple[str, ...]
    scopes: tuple[str, ...]
    nonce: str | None
    auth_time: int
    """When, in seconds since the epoch."""
    session_id: str
    """That of the browser's session; "" where there is none."""
    access_token: str | None = field(repr=False)


@dataclass(frozen=True)
class AuthorizationCode:
    """What is known of a code, which itself is not kept."""

    sign_in_id: str
    redirect_uri: str
    code_challenge: str | None
    expires_at: float
    is_used: bool


@dataclass(frozen=True)
class RefreshToken:
    """What is known of a refresh token, which itself is not kept."""

    sign_in_id: str
    expires_at: float
    replaced_at: float | None


class SignIns(SigningKeys):
    """The sign-ins of a tenant."""

    def sign_in(self, sign_in_id: str) -> SignIn | None:
        """Return the sign-in of that id, unless it was revoked."""
        found = self._all("SELECT * FROM sign_ins WHERE id = ?", (sign_in_id,))
        return _sign_in(found[0]) if found else None

    def add_sign_in(
        self,
        *,
        client_id: str,
        user_id: str,
        org_code: str | None,
        audience: Iterable[str],
        scopes: Iterable[str],
        nonce: str | None = None,
        auth_time: float,
        session_id: str = "",
    ) -> SignIn:
        """Remember that a person signed in.

        Raises:
            NotThere: there is no such application, person or organization any more.
        """
        names = json.dumps(list(audience)), json.dumps(list(scopes))
        row = (uuid.uuid4().hex, client_id, user_id, org_code, *names, nonce, int(auth_time))
        with self.transaction():
            return _sign_in(self._all(_ADD, (*row, session_id))[0])

    def add_code(
        self,
        sign_in_id: str,
        *,
        redirect_uri: str,
        code_challenge: str | None,
        expires_at: float,
        now: float,
    ) -> str:
        """Return a new authorization code for a sign-in."""
        code = secrets.token_urlsafe(32)
        row = (_digest(code), sign_in_id, redirect_uri, code_challenge, expires_at)
        with self.transaction() as rows:
            self._forget_expired(now)
            rows.execute(_ADD_CODE, row)
        return code

    def authorization_code(self, code: str) -> AuthorizationCode | None:
        """Return what is known of a code, used or not."""
        query = "SELECT * FROM authorization_codes WHERE digest = ?"
        found = self._all(query, (_digest(code),))
        return AuthorizationCode(**_without_digest(found[0], "is_used")) if found else None

    def use_code(self, code: str) -> None:
        """Note that a code was redeemed."""
        query = "UPDATE authorization_codes SET is_used = 1 WHERE digest = ?"
        self._write(query, (_digest(code),))

    def add_refresh_token(self, sign_in_id: str, *, expires_at: float) -> str:
        """Return a new refresh token for a sign-in."""
        token = secrets.token_urlsafe(48)
        row = (_digest(token), sign_in_id, expires_at)
        self._write("INSERT INTO refresh_tokens VALUES (?, ?, ?, NULL)", row)
        return token

    def refresh_token(self, token: str) -> RefreshToken | None:
        """Return what is known of a refresh token, replaced or not."""
        found = self._all("SELECT * FROM refresh_tokens WHERE digest = ?", (_digest(token),))
        return RefreshToken(**_without_digest(found[0])) if found else None

    def replace_refresh_token(self, token: str, *, now: float) -> None:
        """Note when a refresh token was first replaced by another."""
        query = "UPDATE refresh_tokens SET replaced_at = coalesce(replaced_at, ?) WHERE digest = ?"
        self._write(query, (now, _digest(token)))

    def keep_access_token(
        self, sign_in_id: str, token: str, *, jti: str, expires_at: float
    ) -> None:
        """Keep the access token that a sign-in gave last, and remember that it did."""
        with self.transaction() as rows:
            rows.execute("UPDATE sign_ins SET access_token = ? WHERE id = ?", (token, sign_in_id))
            row = (jti, sign_in_id, expires_at)
            rows.execute("INSERT OR IGNORE INTO issued_tokens VALUES (?, ?, ?)", row)

    def revoke_sign_in(self, sign_in_id: str, *, now: float) -> None:
        """Revoke everything that a sign-in gave: its access and its refresh tokens."""
        with self.transaction() as rows:
            query = "SELECT jti, expires_at FROM issued_tokens WHERE sign_in_id = ?"
            for token in self._all(query, (sign_in_id,)):
                self.revoke(token["jti"], expires_at=token["expires_at"], now=now)
            rows.execute("DELETE FROM sign_ins WHERE id = ?", (sign_in_id,))

    def revoke_session(self, session_id: str, *, now: float) -> None:
        """Revoke every sign-in of a browser's session."""
        with self.transaction():
            query = "SELECT id FROM sign_ins WHERE session_id = ?"
            for row in self._all(query, (session_id,)):
                self.revoke_sign_in(row["id"], now=now)

    def _forget_expired(self, now: float) -> None:
        """Remove what cannot be used any more, so that a long-lived file does not grow."""
        with self.transaction() as rows:
            for table in ("authorization_codes", "refresh_tokens", "issued_tokens"):
                query = f"DELETE FROM {table} WHERE expires_at < ?"  # noqa: S608
                rows.execute(query, (now - KEPT_FOR,))
            rows.execute(
                "DELETE FROM sign_ins WHERE auth_time < ?"
                " AND id NOT IN (SELECT sign_in_id FROM authorization_codes)"
                " AND id NOT IN (SELECT sign_in_id FROM refresh_tokens)"
                " AND id NOT IN (SELECT sign_in_id FROM issued_tokens)",
                (now - KEPT_FOR,),
            )


def _sign_in(row: Row) -> SignIn:
    names = {name: tuple(json.loads(row[name])) for name in ("audience", "scopes")}
    return SignIn(**row | names)


def _without_digest(row: Row, *flags: str) -> Row:
    return {
        name: bool(value) if name in flags else value
        for name, value in row.items()
        if name != "digest"
    }


def _digest(secret: str) -> str:
    # The secret is as random as a key: a plain digest cannot be searched.
    return hashlib.sha256(secret.encode()).hexdigest()
