"""What a token of local Kinde says, claim by claim, for a person."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MEANINGS: Final[Mapping[str, str]] = {
    "aud": "audience: the APIs that it is for",
    "azp": "authorized party: the application that asked for it",
    "exp": "expires at",
    "gty": "grant type",
    "iat": "issued at",
    "iss": "issuer: who signed it",
    "jti": "its own id",
    "org_code": "the organization that the application belongs to",
    "permissions": "what the person may do: this decides",
    "roles": "the person's roles in the organization",
    "feature_flags": "feature flags by type and value",
    "sub": "subject: the id of the person",
    "email": "the person's e-mail address",
    "org_name": "the name of the organization",
    "external_organization_id": "the organization's id elsewhere",
    "scope": "what was granted: this decides",
    "scp": "what was asked for",
    "v": "version of the format",
}
TIMES: Final = frozenset({"exp", "iat"})


@dataclass(frozen=True)
class Claim:
    """One claim, as the page shows it."""

    name: str
    value: str
    meaning: str
    time: int | None


@dataclass(frozen=True)
class TokenFacts:
    """The decoded header and claims of a token that was made here."""

    header: Mapping[str, Any]
    payload: Mapping[str, Any]

    @classmethod
    def of(cls, raw: str) -> TokenFacts:
        """Decode a token. It is one of ours: it is well formed."""
        header, payload, _ = raw.split(".")
        return cls(_decoded(header), _decoded(payload))

    @property
    def scopes(self) -> list[str]:
        """What it was granted."""
        if self.is_of_a_person:
            held = self.payload.get("permissions") or self.payload.get("x-hasura-permissions") or []
            return [str(each) for each in held]
        return str(self.payload["scope"]).split()

    @property
    def is_of_a_person(self) -> bool:
        """Whether it was made for a person, whose rights stand in ``permissions``."""
        return "scope" not in self.payload

    @property
    def claims(self) -> list[Claim]:
        """Its claims in alphabetical order, each with its meaning."""
        return [
            Claim(name, _shown(value), MEANINGS.get(name, ""), value if name in TIMES else None)
            for name, value in sorted(self.payload.items())
        ]

    @property
    def header_as_json(self) -> str:
        """The header as it stands in the token, indented."""
        return json.dumps(self.header, indent=2)

    @property
    def as_json(self) -> str:
        """The claims as they stand in the token, indented."""
        return json.dumps(self.payload, indent=2)


def _decoded(segment: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(urlsafe_b64decode(segment + "=="))
    return members


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
