"""The checks that a route makes of a good token: scopes, permissions, organization."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kinde_guard.cli.explain.checks import Check, Outcome
from kinde_guard.cli.explain.request import Request
from kinde_guard.cli.explain.steps import Examination
from kinde_guard.cli.explain.wording import APIS
from kinde_guard.requirements.requirement import Needs
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.scopes import ScopeRule
from kinde_guard.vocabulary.errors import (
    AccessDenied,
    InsufficientPermissions,
    InsufficientScope,
    WrongOrganization,
)
from kinde_guard.vocabulary.settings import Settings

SETTING = "permissions_as_scopes=True"
"""The setting with which a user's permissions count as scopes."""
TOGGLE = (
    "turn on the application's toggle 'Include API scopes in the permissions claim'"
    " (Tokens > Token customization > Access token)"
)


def token_of(found: Examination) -> AccessToken:
    """Return the token as a route would see it, though it may be refused before it gets there."""
    claims = AccessToken(found.claims, scope_claims=found.settings.scope_claims)
    return found.token or claims


def missing_scopes(rules: Collection[ScopeRule], granted: frozenset[str]) -> tuple[str, ...]:
    """Return the scopes that a token lacks; of alternatives of which it has none, all."""
    lacking = [
        name
        for rule in rules
        if not rule.allows(granted)
        for name in rule.names
        if name not in granted
    ]
    return tuple(dict.fromkeys(lacking))


def checks_of(
    found: Examination, request: Request | None, denials: Collection[AccessDenied]
) -> Iterator[Check]:
    """Yield a check for each thing that the route asks for.

    Args:
        found: the token.
        request: what is asked for, if that is known.
        denials: how the route's dependencies would refuse it.
    """
    token = token_of(found)
    if request is None:
        yield Check("scopes", Outcome.OK, _names(token.scopes), "")
        return
    needs = request.operation.needs
    yield _scopes(token, needs, denials, found.settings)
    if needs.permissions:
        refused = any(isinstance(one, InsufficientPermissions) for one in denials)
        yield _permissions(token, needs, refused=refused)
    if needs.organization:
        refused = any(isinstance(one, WrongOrganization) for one in denials)
        yield _organization(token, request, needs.organization, refused=refused)


def _scopes(
    token: AccessToken, needs: Needs, denials: Collection[AccessDenied], settings: Settings
) -> Check:
    missing = missing_scopes(needs.rules, token.scopes)
    if not missing and not any(isinstance(one, InsufficientScope) for one in denials):
        needed = f"; needed: {_rules(needs)}" if needs.scopes else "; none needed"
        return Check("scopes", Outcome.OK, _names(token.scopes) + needed)
    return Check(
        "scopes",
        Outcome.FAILED,
        _names(token.scopes),
        f"{_rules(needs)}; missing: {', '.join(missing)}",
        _how_to_add(token, missing, settings),
        InsufficientScope.reason,
    )


def _how_to_add(token: AccessToken, missing: Collection[str], settings: Settings) -> str:
    names = ", ".join(missing)
    if token.is_machine:
        return (
            f"in Kinde: {APIS} > Manage scopes: add {names} "
            f"(application {token.client_id or 'unknown'}); then ask for a new token"
        )
    counted = bool(getattr(settings, "permissions_as_scopes", False))
    held = ", ".join(name for name in missing if name in token.permissions)
    if held and not counted:
        return (
            f"the token's permissions hold {held}, where Kinde puts a user's API scopes: make the"
            f" guard with {SETTING}, and they count as scopes"
        )
    advice = f"in Kinde: give the user {names}, through a role or directly; {TOGGLE}"
    return f"{advice}; sign in again" if counted else f"{advice}; {SETTING}; sign in again"


def _permissions(token: AccessToken, needs: Needs, *, refused: bool) -> Check:
    found = _names(token.permissions)
    if not refused:
        return Check("permissions", Outcome.OK, found)
    lacking = ", ".join(sorted({*needs.permissions} - token.permissions))
    return Check(
        "permissions",
        Outcome.FAILED,
        found,
        f"{', '.join(needs.permissions)}; missing: {lacking}",
        "in Kinde: add them to a role of the user in this organization; then sign in again",
        InsufficientPermissions.reason,
    )


def _organization(token: AccessToken, request: Request, parameter: str, *, refused: bool) -> Check:
    found = token.org_code or "of no organization"
    if not refused:
        return Check("organization", Outcome.OK, found)
    return Check(
        "organization",
        Outcome.FAILED,
        found,
        f"{request.parameters.get(parameter, '')}, which the path names",
        "call with a token of that organization",
        WrongOrganization.reason,
    )


def _rules(needs: Needs) -> str:
    parts = [", ".join(rule.all_of) or " or ".join(rule.any_of) for rule in needs.rules]
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _names(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
