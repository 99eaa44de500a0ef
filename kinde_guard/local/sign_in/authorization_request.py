"""An authorization request, read strictly: which application asks for what, and where to answer.

Two kinds of faults (RFC 6749, section 4.1.2.1). As long as it is not certain which application asks
and that the address to answer at is its own, nothing leads there: an unknown, missing or doubled
``client_id`` or ``redirect_uri`` gives an error page. Every other fault is told to the application.

Source: Kinde, "Using Kinde without an SDK", for the parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from kinde_guard.local.callback_addresses import is_address
from kinde_guard.local.form import MAX_PARAMETERS
from kinde_guard.local.oauth_errors import (
    InvalidForm,
    InvalidScope,
    OAuthError,
    RequestNotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
    quoted,
)
from kinde_guard.local.sign_in.problems import ReturnedError, SignInProblem
from kinde_guard.local.store import Application, ApplicationType
from kinde_guard.local.tenant import Tenant

SCOPES: Final = ("openid", "profile", "email", "offline")
"""What people's sign-ins may be asked for, and are where the request does not say."""
IGNORED_SCOPES: Final = frozenset({"offline_access"})
"""Kinde gives no refresh token for it: that is ``offline``."""
PROMPTS: Final = frozenset({"login", "create", "none", "select_account", "consent"})
MAX_LENGTH: Final = 16_384
"""Bytes of a query."""

_TYPES: Final[frozenset[ApplicationType]] = frozenset({"spa", "reg"})
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class AuthorizationRequest:
    """A request that can be answered with a code."""

    application: Application
    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    nonce: str | None
    code_challenge: str | None
    prompts: frozenset[str]
    login_hint: str
    org_code: str | None

    def refusal(self, error: OAuthError) -> ReturnedError:
        """Return the way back to the application with an error."""
        return ReturnedError(self.redirect_uri, self.state, error)


def read_request(tenant: Tenant, query: bytes) -> AuthorizationRequest:
    """Return the authorization request in ``query``.

    Raises:
        SignInProblem: it cannot be told whom to answer.
        ReturnedError: the application asked for something that it cannot have.
    """
    values = _parse(query)
    application = _application(tenant, values)
    redirect_uri = _redirect_uri(application, values)
    try:
        return _read(tenant, application, redirect_uri, _Single(values))
    except OAuthError as error:
        states = values.get("state", [])
        state = states[0] if len(states) == 1 else None
        raise ReturnedError(redirect_uri, state, error) from error


class _Single:
    """Parameters, each of which may be there once; one without a value counts as absent."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def one(self, name: str) -> str:
        found = self._values.get(name, [""])
        if len(found) > 1:
            raise InvalidForm(f"Request parameter '{name}' is included more than once.")
        return found[0]

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.one(name).split()))

    def every_word(self, name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(" ".join(self._values.get(name, [])).split()))


def _parse(query: bytes) -> dict[str, list[str]]:
    try:
        text = query.decode("ascii")
        if len(query) > MAX_LENGTH or _ESCAPE.search(text):
            raise ValueError
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError as error:
        sentence = "The address is too long, is not UTF-8, or holds too many parameters."
        raise SignInProblem("This request cannot be read", sentence) from error
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _application(tenant: Tenant, values: Mapping[str, list[str]]) -> Application:
    given = values.get("client_id", [])
    application = tenant.store.application(given[0]) if len(given) == 1 else None
    if application is None:
        raise SignInProblem(
            "Which application is this?",
            "The parameter client_id is missing, included twice, or that of no application of this"
            " tenant. A tenant in memory has new applications after each start; the seeded front"
            " end keeps its client id.",
        )
    return application


def _redirect_uri(application: Application, values: Mapping[str, list[str]]) -> str:
    given = values.get("redirect_uri", [])
    if len(given) == 1 and given[0] in application.redirect_uris and is_address(given[0]):
        return given[0]
    raise SignInProblem(
        "This callback address is not allowed",
        f"{application.name} may be called back at the addresses that are allowed for it, letter"
        " for letter. The parameter redirect_uri is missing, included twice, or not among them:"
        " allow it in the console, or by POST /api/v1/applications/{id}/auth_redirect_urls.",
    )


def _read(
    tenant: Tenant, application: Application, redirect_uri: str, given: _Single
) -> AuthorizationRequest:
    _check_kind(application, given)
    prompts = frozenset(given.words("prompt"))
    if not prompts <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise InvalidForm("The parameter 'prompt' is login, create or none.")
    org_code = given.one("org_code") or None
    if org_code is not None and tenant.store.organization(org_code) is None:
        raise InvalidForm("There is no organization of that 'org_code'.")
    return AuthorizationRequest(
        application,
        redirect_uri,
        state=given.one("state") or None,
        scopes=read_scopes(tenant, given.words("scope")),
        audience=given.every_word("audience"),
        nonce=given.one("nonce") or None,
        code_challenge=_code_challenge(application, given),
        prompts=prompts,
        login_hint=given.one("login_hint").strip(),
        org_code=org_code,
    )


def _check_kind(application: Application, given: _Single) -> None:
    if application.type not in _TYPES:
        raise UnauthorizedClient("People sign in to front-end and back-end web applications.")
    if given.one("request") or given.one("request_uri"):
        raise RequestNotSupported
    response_type = given.one("response_type")
    if not response_type:
        raise InvalidForm("Request parameter 'response_type' is missing.")
    if response_type != "code":
        raise UnsupportedResponseType("Local Kinde serves 'code'.")
    if given.one("response_mode") not in {"", "query"}:
        raise InvalidForm("Local Kinde serves the response mode 'query'.")
    if given.one("is_create_org").lower() in {"true", "1"}:
        hint = "Local Kinde makes no organization here; POST /api/v1/organization does."
        raise InvalidForm(hint)


def read_scopes(tenant: Tenant, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the scopes asked for a sign-in has; all if none was asked for.

    The scopes of APIs are none of them: a person's stand in ``permissions``.

    Raises:
        InvalidScope: one is neither of Kinde's own nor an API's.
    """
    if not asked:
        return SCOPES
    known = {scope.key for api in tenant.store.apis() for scope in api.scopes}
    for scope in asked:
        if scope not in known.union(SCOPES, IGNORED_SCOPES):
            raise InvalidScope(f"There is no scope{quoted(scope)}.")
    return tuple(scope for scope in asked if scope in SCOPES)


def _code_challenge(application: Application, given: _Single) -> str | None:
    challenge, method = given.one("code_challenge"), given.one("code_challenge_method")
    if not challenge and not method:
        if application.is_public:
            raise InvalidForm(
                "A front end needs PKCE: the parameters 'code_challenge' and"
                " 'code_challenge_method' S256."
            )
        return None
    if method != "S256":
        raise InvalidForm("The parameter 'code_challenge_method' must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidForm("The parameter 'code_challenge' is no S256 challenge.")
    return challenge
