"""The tokens that a sign-in gives: a code, and then access, ID and refresh token.

======================  ==========================================================================
authorization code      good once, for ``CODE_LIFETIME``, with its client, address and verifier;
                        used again, everything that it gave is revoked (RFC 6749, 4.1.2)
refresh token           replaced by each use; the former one is good for ``OVERLAP`` more, so that
                        two tabs do not sign each other out; later its use revokes the sign-in
access token            a refresh gives the same one as long as it is in time and says what it
                        would say now; otherwise a new one
======================  ==========================================================================

Source: Kinde, "Configure tokens" (rotation, lifetimes, the same access token).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from typing import Final

from kinde_guard.local.claims import Validity, id_claims, user_claims, without_omitted
from kinde_guard.local.form import Form
from kinde_guard.local.oauth_errors import InvalidForm, InvalidGrant, InvalidScope, quoted
from kinde_guard.local.people_rights import (
    Rights,
    granted_audience,
    profile_of,
    rights_claims,
)
from kinde_guard.local.store import Application, AuthorizationCode, RefreshToken, SignIn, User
from kinde_guard.local.tenant import Tenant

CODE_LIFETIME: Final = 60
"""Seconds."""
OVERLAP: Final = 10
"""Seconds for which a refresh token is good after it was replaced."""
VOLATILE: Final = frozenset({"exp", "iat", "jti"})
"""The claims that differ between two access tokens that say the same."""

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def redeem_code(tenant: Tenant, application: Application, form: Form) -> dict[str, object]:
    """Answer the grant ``authorization_code`` (RFC 6749, section 4.1.3)."""
    code = _needed(form, "code")
    now, store = tenant.clock(), tenant.store
    with store.transaction():
        known = store.authorization_code(code)
        sign_in = store.sign_in(known.sign_in_id) if known else None
        if known is None or sign_in is None:
            raise InvalidGrant("The code is not known.")
        if not known.is_used:
            _check_code(known, sign_in, application, form, now)
            store.use_code(code)
            return answer(tenant, application, sign_in, is_first=True)
        store.revoke_sign_in(sign_in.id, now=now)
    # Not raised inside the transaction: that would undo it.
    raise InvalidGrant("The code was used before; what it gave is revoked.")


def redeem_refresh_token(tenant: Tenant, application: Application, form: Form) -> dict[str, object]:
    """Answer the grant ``refresh_token`` (RFC 6749, section 6)."""
    raw = _needed(form, "refresh_token")
    now, store = tenant.clock(), tenant.store
    with store.transaction():
        known = store.refresh_token(raw)
        sign_in = store.sign_in(known.sign_in_id) if known else None
        if known is None or sign_in is None or sign_in.client_id != application.client_id:
            raise InvalidGrant("The refresh token is not known.")
        if known.replaced_at is None or now < known.replaced_at + OVERLAP:
            _check_refresh_token(known, sign_in, form, now)
            store.replace_refresh_token(raw, now=now)
            return answer(tenant, application, sign_in)
        store.revoke_sign_in(sign_in.id, now=now)
    # Not raised inside the transaction: that would undo it.
    raise InvalidGrant("The refresh token was used before; what it gave is revoked.")


def answer(
    tenant: Tenant, application: Application, sign_in: SignIn, *, is_first: bool = False
) -> dict[str, object]:
    """Return the token endpoint's answer for a sign-in.

    Args:
        tenant: signs.
        application: what was signed in to.
        sign_in: who signed in.
        is_first: whether the ID token holds the request's ``nonce``: a refresh gives none
            (OpenID Connect Core, 12.2).

    Raises:
        InvalidGrant: the person was deleted, suspended, or left the organization.
    """
    user = _person(tenant, sign_in)
    access_token, expires_in = _access_token(tenant, application, sign_in, user)
    given: dict[str, object] = {"access_token": access_token, "expires_in": expires_in}
    if "openid" in sign_in.scopes:
        nonce = sign_in.nonce if is_first else None
        given["id_token"] = _id_token(tenant, application, sign_in, user, access_token, nonce)
    if "offline" in sign_in.scopes:
        given["refresh_token"] = tenant.store.add_refresh_token(
            sign_in.id, expires_at=tenant.clock() + application.refresh_token_lifetime
        )
    return {**given, "scope": " ".join(sign_in.scopes), "token_type": "bearer"}


def access_claims(
    tenant: Tenant,
    application: Application,
    user: User,
    *,
    org_code: str | None,
    audience: tuple[str, ...],
    scopes: tuple[str, ...],
    expires_in: int | None = None,
) -> dict[str, object]:
    """Return the claims of the access token that a person gets from ``application`` now."""
    granted = granted_audience(application, audience, tenant.issuer)
    lifetime = application.token_lifetime if expires_in is None else expires_in
    shape = user_claims(
        tenant.issuer,
        Validity.starting(tenant.clock(), lifetime),
        client_id=application.client_id,
        subject=user.id,
        audience=granted,
        scopes=scopes,
    )
    rights = Rights.of(tenant.store, user, org_code)
    return shape | rights_claims(tenant.store, application, user, rights, granted)


def revoke_refresh_token(tenant: Tenant, application: Application, raw: str) -> bool:
    """Revoke the sign-in that a refresh token of ``application`` belongs to, if it is one."""
    known = tenant.store.refresh_token(raw)
    sign_in = tenant.store.sign_in(known.sign_in_id) if known else None
    if sign_in is None or sign_in.client_id != application.client_id:
        return False
    tenant.store.revoke_sign_in(sign_in.id, now=tenant.clock())
    return True


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2).

    Example:
        >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _needed(form: Form, name: str) -> str:
    value = form.one(name)
    if not value:
        raise InvalidForm(f"Request parameter '{name}' is missing.")
    return value


def _check_code(
    code: AuthorizationCode, sign_in: SignIn, application: Application, form: Form, now: float
) -> None:
    if sign_in.client_id != application.client_id:
        raise InvalidGrant("The code was issued to another client.")
    if now >= code.expires_at:
        raise InvalidGrant("The code has expired.")
    if form.one("redirect_uri") != code.redirect_uri:
        raise InvalidGrant("The parameter 'redirect_uri' is not that of the authorization request.")
    if not _is_verified(code.code_challenge, form.one("code_verifier")):
        raise InvalidGrant("The parameter 'code_verifier' does not match the code challenge.")


def _is_verified(challenge: str | None, verifier: str) -> bool:
    if challenge is None:
        # A verifier without a challenge is a sign that the challenge was taken off on its way.
        return not verifier
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(challenge.encode(), challenge_of(verifier).encode())


def _check_refresh_token(token: RefreshToken, sign_in: SignIn, form: Form, now: float) -> None:
    if now >= token.expires_at:
        raise InvalidGrant("The refresh token has expired.")
    for scope in form.words("scope"):
        if scope not in sign_in.scopes:
            raise InvalidScope(f"The sign-in was not granted the scope{quoted(scope)}.")


def _person(tenant: Tenant, sign_in: SignIn) -> User:
    user = tenant.store.user(sign_in.user_id)
    if user is None or user.is_suspended:
        raise InvalidGrant("The person may not sign in any more.")
    if sign_in.org_code is not None and sign_in.org_code not in user.organizations:
        raise InvalidGrant("The person does not belong to the organization any more.")
    return user


def _access_token(
    tenant: Tenant, application: Application, sign_in: SignIn, user: User
) -> tuple[str, int]:
    """Return an access token and how many seconds it has left."""
    claims = access_claims(
        tenant,
        application,
        user,
        org_code=sign_in.org_code,
        audience=sign_in.audience,
        scopes=sign_in.scopes,
    )
    former = _still_good(tenant, sign_in, claims)
    if former is not None:
        return former
    raw, expires_at = tenant.keys.sign(claims), int(str(claims["exp"]))
    tenant.store.keep_access_token(sign_in.id, raw, jti=str(claims["jti"]), expires_at=expires_at)
    return raw, application.token_lifetime


def _still_good(
    tenant: Tenant, sign_in: SignIn, claims: dict[str, object]
) -> tuple[str, int] | None:
    """Return the sign-in's last access token, if it is in time and says what one says now."""
    current = tenant.store.sign_in(sign_in.id)
    raw = current.access_token if current else None
    former = tenant.keys.read(raw) if raw else None
    if raw is None or former is None or tenant.store.is_revoked(str(former["jti"])):
        return None
    left = int(str(former["exp"])) - int(tenant.clock())
    is_same = _lasting(former) == _lasting(claims)
    return (raw, left) if is_same and left > 0 else None


def _lasting(claims: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in claims.items() if name not in VOLATILE}


def _id_token(
    tenant: Tenant,
    application: Application,
    sign_in: SignIn,
    user: User,
    access_token: str,
    nonce: str | None,
) -> str:
    claims = id_claims(
        tenant.issuer,
        Validity.starting(tenant.clock(), application.id_token_lifetime),
        client_id=application.client_id,
        subject=user.id,
        profile=profile_of(user, sign_in.scopes),
        access_token=access_token,
        auth_time=sign_in.auth_time,
        nonce=nonce,
    )
    return tenant.keys.sign(without_omitted(claims))
