"""Tokens and requests with a mark in every field, one for each answer that the guard can give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kinde_guard import (
    ExpiredToken,
    GuardError,
    ImmatureToken,
    InsufficientPermissions,
    InsufficientScope,
    InvalidClaim,
    InvalidRequest,
    InvalidSignature,
    MalformedToken,
    MissingToken,
    UnknownKey,
    UnsupportedAlgorithm,
    WrongAudience,
    WrongIssuer,
    WrongOrganization,
)
from tests.attack.secrecy.marks import Marks
from tests.mint import AUDIENCE, SigningKey, Tenant, as_bytes, compact, sealed

#: What a route of the loaded application needs to let a caller in.
SCOPE: Final = "read:users"
PERMISSION: Final = "create:todos"
ORGANIZATION: Final = "org_0123"

Outcome = type[GuardError] | None
#: Makes the value of the Authorization header, or several.
Make = Callable[["Load"], str | list[str]]


class Load:
    """Makes tokens whose every field holds a mark, and knows those marks."""

    def __init__(self, marks: Marks, tenant: Tenant, stranger: SigningKey) -> None:
        self.marks = marks
        self.tenant = tenant
        self.stranger = stranger

    def token(
        self,
        key: SigningKey | None = None,
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Return a token that would be let in, but for the changes to its claims."""
        claims = self.tenant.claims(SCOPE, **{**self._claims(), **changes})
        signer = key or self.tenant.key
        members = self.tenant.header(**{"kid": signer.kid, **self._header(), **(header or {})})
        return self.known(compact(members, claims, signer))

    def _claims(self) -> dict[str, Any]:
        named = {name: self.marks(name) for name in ("sub", "azp", "jti", "email", "v", "name")}
        mark = self.marks("nested claim")
        return {
            **named,
            "aud": [AUDIENCE, f"https://{self.marks('aud')}.example"],
            "scope": f"{SCOPE} {self.marks('scope')}",
            "scp": [SCOPE, self.marks("scp")],
            "permissions": [PERMISSION, self.marks("permissions")],
            "org_code": ORGANIZATION,
            "roles": [{"key": mark}],
            "gty": [self.marks("gty")],
            self.marks("name of a claim"): {mark: [mark]},
        }

    def _header(self) -> dict[str, Any]:
        return {
            "x-note": self.marks("header"),
            "x5u": f"https://{self.marks('x5u')}.example",
            self.marks("name of a header member"): 1,
        }

    def known(self, text: str) -> str:
        """Make marks of the segments of a token."""
        for number, segment in enumerate(text.split(".")):
            if len(segment) > 12:
                self.marks.also(segment, f"segment {number}")
        return text

    def bearer(self, **changes: Any) -> str:
        """Return the value of an Authorization header."""
        return f"Bearer {self.token(**changes)}"


def _segment(load: Load, payload: str | bytes) -> str:
    return f"Bearer {load.known(compact(load.tenant.header(), payload, load.tenant.key))}"


def _header(load: Load, **changes: Any) -> str:
    return load.bearer(header=changes)


OUTCOMES: Final[dict[str, tuple[Outcome, Make]]] = {
    "let-in": (None, lambda load: load.bearer()),
    "another-scheme": (MissingToken, lambda load: f"Basic {load.marks('basic')}"),
    "two-headers": (InvalidRequest, lambda load: [load.bearer(), f"Bearer {load.marks('two')}"]),
    "no-token": (MalformedToken, lambda load: f"Bearer {load.marks('text')}"),
    "no-ascii": (MalformedToken, lambda load: f"Bearer {load.marks('latin')}\u00ff"),
    "list": (MalformedToken, lambda load: f"{load.bearer()}, {load.bearer()}"),
    "five-segments": (
        MalformedToken,
        lambda load: "Bearer " + ".".join(load.marks(f"segment {n}") for n in range(5)),
    ),
    "header-no-json": (
        MalformedToken,
        lambda load: f"Bearer {compact(load.marks('header text'), '{}', load.tenant.key)}",
    ),
    "header-no-utf8": (
        MalformedToken,
        lambda load: (
            "Bearer "
            + compact(load.marks("header bytes").encode() + b"\xff", "{}", load.tenant.key)
        ),
    ),
    "header-twice": (
        MalformedToken,
        lambda load: (
            "Bearer "
            + compact(
                as_bytes({"alg": "RS256"})[:-1] + f',"{load.marks("m")}":1,"alg":"x"}}'.encode(),
                "{}",
                load.tenant.key,
            )
        ),
    ),
    "critical": (MalformedToken, lambda load: _header(load, crit=[load.marks("crit")])),
    "type": (MalformedToken, lambda load: _header(load, typ=load.marks("typ"))),
    "payload-no-json": (MalformedToken, lambda load: _segment(load, load.marks("payload text"))),
    "payload-no-utf8": (
        MalformedToken,
        lambda load: _segment(load, load.marks("payload bytes").encode() + b"\xff"),
    ),
    "payload-cut": (MalformedToken, lambda load: _segment(load, f'{{"{load.marks("cut")}": ')),
    "payload-twice": (
        MalformedToken,
        lambda load: _segment(load, '{{"{0}":1,"{0}":2}}'.format(load.marks("twice"))),
    ),
    "payload-number": (
        MalformedToken,
        lambda load: _segment(load, f'{{"{load.marks("number")}":1e999}}'),
    ),
    "payload-surrogate": (
        MalformedToken,
        lambda load: _segment(load, f'{{"{load.marks("surrogate")}":"\\ud800"}}'),
    ),
    "payload-deep": (
        MalformedToken,
        lambda load: _segment(load, f'{{"{load.marks("deep")}":{"[" * 50}{"]" * 50}}}'),
    ),
    "payload-no-base64": (
        MalformedToken,
        lambda load: f"Bearer {sealed('e30', load.marks('base64') + '+', load.tenant.key)}",
    ),
    "too-large": (MalformedToken, lambda load: load.bearer(note=load.marks("large") * 2_000)),
    "algorithm": (UnsupportedAlgorithm, lambda load: _header(load, alg=load.marks("alg"))),
    "key-id": (UnknownKey, lambda load: _header(load, kid=load.marks("kid"))),
    "signature": (
        InvalidSignature,
        lambda load: load.bearer(key=load.stranger.renamed(load.tenant.key.kid)),
    ),
    "expired": (ExpiredToken, lambda load: load.bearer(exp=1)),
    "immature": (ImmatureToken, lambda load: load.bearer(nbf=10**10)),
    "exp": (InvalidClaim, lambda load: load.bearer(exp=load.marks("exp"))),
    "iat": (InvalidClaim, lambda load: load.bearer(iat={load.marks("iat"): 1})),
    "iss-no-text": (InvalidClaim, lambda load: load.bearer(iss=[load.marks("iss array")])),
    "iss": (WrongIssuer, lambda load: load.bearer(iss=f"https://{load.marks('iss')}.example")),
    "aud-no-text": (InvalidClaim, lambda load: load.bearer(aud={load.marks("aud object"): 1})),
    "aud": (WrongAudience, lambda load: load.bearer(aud=[load.marks("aud alone")])),
    "sub-no-text": (InvalidClaim, lambda load: load.bearer(sub=[load.marks("sub array")])),
    "scope": (InsufficientScope, lambda load: load.bearer(scope=load.marks("scope alone"))),
    "scope-no-text": (InsufficientScope, lambda load: load.bearer(scope={load.marks("s"): 1})),
    "permissions": (
        InsufficientPermissions,
        lambda load: load.bearer(permissions=[load.marks("permissions alone")]),
    ),
    "organization": (
        WrongOrganization,
        lambda load: load.bearer(org_code=f"org_{load.marks('org_code')}"),
    ),
}
