"""The checks that a route makes of a good token: of its scopes, and of all else it requires."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from kinde_guard.audit.operations import Kind, Operation
from kinde_guard.cli.explain.checks import Check, Outcome
from kinde_guard.cli.explain.examination import Examination
from kinde_guard.cli.explain.request import Denial, Request
from kinde_guard.cli.explain.wording import APIS
from kinde_guard.requirements.requirement import Requirement
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import (
    FeatureUnavailable,
    InsufficientPermissions,
    InsufficientRole,
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


@dataclass(frozen=True, slots=True)
class _Words:
    """How a kind of requirement is explained.

    Attributes:
        name: of the check.
        held: what the token holds of the kind.
        remedy: what to do where that is not enough.
    """

    name: str
    held: Callable[[AccessToken], str]
    remedy: str


def _names(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _features(token: AccessToken) -> str:
    listed = (f"{key} = {json.dumps(value)}" for key, value in sorted(token.features.items()))
    return ", ".join(listed) or "none"


_WORDS: Mapping[str, _Words] = {
    InsufficientPermissions.reason: _Words(
        "permissions",
        lambda token: _names(token.permissions),
        "in Kinde: add them to a role of the user in this organization; then sign in again",
    ),
    WrongOrganization.reason: _Words(
        "organization",
        lambda token: token.org_code or "of no organization",
        "call with a token of that organization",
    ),
    InsufficientRole.reason: _Words(
        "roles",
        lambda token: _names(token.roles),
        "in Kinde: give the user the role in this organization, and put roles into the access"
        " token (Tokens > Token customization); then sign in again",
    ),
    FeatureUnavailable.reason: _Words(
        "features",
        _features,
        "in Kinde: set the feature flag for the user, the organization or the environment;"
        " then sign in again",
    ),
}
"""The words for each kind, by the reason of its rejection; a new kind is explained without."""


def missing_scopes(
    requirements: Collection[Requirement], granted: frozenset[str]
) -> tuple[str, ...]:
    """Return the scopes that a token lacks; of alternatives of which it has none, all."""
    lacking = [
        name
        for each in requirements
        if not any(granted.issuperset(names) for names in each.alternatives)
        for name in each.scopes
        if name not in granted
    ]
    return tuple(dict.fromkeys(lacking))


def checks_of(
    found: Examination, request: Request | None, denials: Collection[Denial]
) -> Iterator[Check]:
    """Yield a check for each thing that the route requires.

    Args:
        found: the token.
        request: what is asked for, if that is known.
        denials: what of it the token does not meet.
    """
    token = token_of(found)
    if request is None:
        yield Check("scopes", Outcome.OK, _names(token.scopes), "")
        return
    operation = request.operation
    if operation.kind is Kind.WEBHOOK:
        yield _webhook(operation)
        return
    yield _scopes(token, operation, found.settings)
    denied = {denial.requirement for denial in denials}
    for each in operation.requirements:
        if each.can_deny and not each.scopes:
            yield _requirement(token, request, each, denied=each in denied)


def _webhook(operation: Operation) -> Check:
    remedy = "" if operation.is_public else f"name it in public_paths: '{operation.name}'"
    says = "the route takes Kinde's webhooks, which are signed and carry no token"
    return Check("webhook", Outcome.UNCHECKED, says, remedy=remedy)


def _scopes(token: AccessToken, operation: Operation, settings: Settings) -> Check:
    required = "; ".join(each.label for each in operation.requirements if each.scopes)
    missing = missing_scopes(operation.requirements, token.scopes)
    if not missing:
        needed = f"; needed: {required}" if required else "; none needed"
        return Check("scopes", Outcome.OK, _names(token.scopes) + needed)
    return Check(
        "scopes",
        Outcome.FAILED,
        _names(token.scopes),
        f"{required}; missing: {', '.join(missing)}",
        _how_to_add(token, missing, settings),
        InsufficientScope.reason,
    )


def _how_to_add(token: AccessToken, missing: Collection[str], settings: Settings) -> str:
    names = ", ".join(missing)
    if token.kind == "api_key":
        return f"in Kinde: make an API key that has {names}"
    if token.is_machine:
        return (
            f"in Kinde: {APIS} > Manage scopes: add {names} "
            f"(application {token.client_id or 'unknown'}); then ask for a new token"
        )
    counted = settings.permissions_as_scopes
    held = ", ".join(name for name in missing if name in token.permissions)
    if held and not counted:
        return (
            f"the token's permissions hold {held}, where Kinde puts a user's API scopes: make the"
            f" guard with {SETTING}, and they count as scopes"
        )
    advice = f"in Kinde: give the user {names}, through a role or directly; {TOGGLE}"
    return f"{advice}; sign in again" if counted else f"{advice}; {SETTING}; sign in again"


def _requirement(
    token: AccessToken, request: Request, requirement: Requirement, *, denied: bool
) -> Check:
    reason = requirement.rejection(request.operation.requirements).reason
    words = _WORDS.get(reason, _Words("requirement", lambda _: "", ""))
    required = _filled_in(requirement.label, request)
    if not denied:
        return Check(words.name, Outcome.OK, words.held(token) or required)
    return Check(words.name, Outcome.FAILED, words.held(token), required, words.remedy, reason)


def _filled_in(label: str, request: Request) -> str:
    for name, value in request.parameters.items():
        label = label.replace(f"{{{name}}}", f"{value}, which the path names")
    return label
