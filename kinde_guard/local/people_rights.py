"""What a person holds in an organization, and what an application's access token says of it.

Source: Kinde, "About access tokens", "Token customization" and "User API scopes": permissions stand
there when there are some; API scopes among them if the application is set so, and only those of the
APIs in ``aud``; roles if the application is set so; feature flags as type and value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kinde_guard.local.claims import OMIT, Profile, without_omitted
from kinde_guard.local.management_audience import spellings
from kinde_guard.local.store import (
    Application,
    FeatureFlag,
    FlagValue,
    Organization,
    Permission,
    Role,
    Store,
    User,
)
from kinde_guard.local.store.feature_flags import flag_type

HASURA: Final = {
    "org_code": "x-hasura-org-code",
    "permissions": "x-hasura-permissions",
    "roles": "x-hasura-roles",
    "feature_flags": "x-hasura-feature-flags",
}
"""What Kinde calls these claims where the Hasura mapping is on."""
FLAG_TYPES: Final = {"bool": "b", "int": "i", "str": "s"}


@dataclass(frozen=True)
class Rights:
    """What a person holds, in one organization or in none."""

    organization: Organization | None
    roles: tuple[Role, ...]
    permissions: tuple[Permission, ...]
    scopes: Mapping[str, tuple[str, ...]]
    """The keys of API scopes, by the id of their API."""
    flags: tuple[FeatureFlag, ...]

    @classmethod
    def of(cls, store: Store, user: User, org_code: str | None) -> Rights:
        """Return what ``user`` holds; outside of an organization that is flags alone."""
        with store.reading():
            flags = tuple(store.feature_flags(org_code=org_code, user_id=user.id))
            if org_code is None:
                return cls(None, (), (), {}, flags)
            scopes: dict[str, tuple[str, ...]] = {}
            for scope in store.member_scopes(org_code, user.id):
                scopes[scope.api_id] = (*scopes.get(scope.api_id, ()), scope.key)
            return cls(
                store.organization(org_code),
                tuple(store.member_roles(org_code, user.id)),
                tuple(store.member_permissions(org_code, user.id)),
                scopes,
                flags,
            )


def granted_audience(
    application: Application, audience: Iterable[str], issuer: str
) -> tuple[str, ...]:
    """Return what of ``audience`` the application may ask for; Kinde leaves the rest out."""
    authorized = {access.audience for access in application.apis}
    other_names = spellings(issuer)
    return tuple(
        name for name in audience if name in authorized or other_names.get(name) in authorized
    )


def rights_claims(
    store: Store, application: Application, user: User, rights: Rights, audience: tuple[str, ...]
) -> dict[str, object]:
    """Return the claims that an access token of ``application`` holds of a person's rights."""
    shown = application.token_customization
    names = [permission.key for permission in rights.permissions]
    if shown.api_scopes_in_permissions:
        names += _scopes_of(store, rights, audience)
    organization = rights.organization
    external_id = organization and organization.external_id
    claims = {
        "org_code": OMIT if organization is None else organization.code,
        "org_name": organization.name if organization and shown.org_name else OMIT,
        "external_organization_id": (
            external_id if external_id and shown.external_organization_id else OMIT
        ),
        "permissions": list(dict.fromkeys(names)) or OMIT,
        "roles": [role_claim(role) for role in rights.roles] if shown.roles else OMIT,
        "feature_flags": {flag.key: flag_claim(flag.value) for flag in rights.flags} or OMIT,
        "email": user.email if user.email and shown.email else OMIT,
    }
    return mapped(application, without_omitted(claims))


def mapped(application: Application, claims: Mapping[str, object]) -> dict[str, object]:
    """Return ``claims`` under the names that Hasura reads, if the application is set so."""
    names = HASURA if application.is_hasura_mapping_enabled else {}
    return {names.get(name, name): value for name, value in claims.items()}


def role_claim(role: Role) -> dict[str, str]:
    """Return a role as tokens show it."""
    return {"id": role.id, "key": role.key, "name": role.name}


def flag_claim(value: FlagValue) -> dict[str, object]:
    """Return the value of a feature flag as tokens show it.

    Example:
        >>> flag_claim(True)
        {'t': 'b', 'v': True}
    """
    return {"t": FLAG_TYPES[flag_type(value)], "v": value}


def profile_of(user: User, scopes: Iterable[str]) -> Profile:
    """Return what an ID token tells of a person who let an application ask for ``scopes``."""
    asked = frozenset(scopes)
    is_named = "profile" in asked
    return Profile(
        given_name=(user.first_name or "") if is_named else "",
        family_name=(user.last_name or "") if is_named else "",
        email=user.email if "email" in asked else None,
        picture=(user.picture or "") if is_named else "",
        provided_id=user.provided_id or "",
        org_codes=user.organizations,
    )


def _scopes_of(store: Store, rights: Rights, audience: tuple[str, ...]) -> list[str]:
    return [
        key
        for api in store.apis()
        if api.audience in audience
        for key in rights.scopes.get(api.id, ())
    ]
