"""``trust``: for one block, lets guards that were made for a tenant trust local Kinde instead.

Applications are often made at import, guard included. ``trust`` replaces the state of their guards
for the duration of a test. It needs a running local Kinde as an argument: no variable, setting or
global has the same effect, so nothing can be left on in production.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from kinde_guard import KindeGuard
    from kinde_guard.local import LocalKinde


@contextmanager
def trust(
    guarded: KindeGuard | ASGIApp,
    kinde: LocalKinde,
) -> Iterator[None]:
    """Let guards trust ``kinde`` instead of their tenant, until the end of the block.

    All settings stay, except: the only issuer is local Kinde; tokens for local Kinde's audience are
    accepted besides those for the guard's own; an unknown key is fetched at once; and the clock is
    ``kinde.clock``, unless the guard was given a clock. Keys, verified tokens, counters and the
    OpenAPI document begin anew, and none of them outlives the block. It may be entered before or
    after the application was called, again, and inside of another block.

    Args:
        guarded: a guard, or an application with guards: installed, added by hand, of subclasses of
            the middleware, in wrapped or mounted applications. All of them are changed.
        kinde: must be running, over http.

    Raises:
        ConfigurationError: no guard was installed in the application.

    Example:
        >>> from kinde_guard import KindeGuard
        >>> from kinde_guard.local import LocalKinde
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
        >>> with LocalKinde() as kinde, trust(guard, kinde):
        ...     guard.issuer == kinde.issuer
        True
        >>> guard.issuer
        'https://acme.kinde.com'
    """
    # Imported here, not above: pytest imports this module wherever the package is installed.
    from kinde_guard import ConfigurationError, KindeGuard  # noqa: PLC0415
    from kinde_guard.testing.guards import GuardSearch  # noqa: PLC0415

    search = GuardSearch.of(guarded)
    if not search.guards:
        raise ConfigurationError(
            f"guarded: {type(guarded).__name__} was given, in which no guard was installed; "
            "give the guard itself"
        )
    # All are made before any is put in place: a setting that fails leaves everything as it was.
    twins = [(guard, KindeGuard(**_settings(guard, kinde))) for guard in search.guards]
    with ExitStack() as changes:
        for guard, twin in twins:
            changes.enter_context(_replaced(guard, vars(twin)))
        for app in search.applications:
            if "openapi_schema" in vars(app):
                changes.enter_context(_replaced(app, {"openapi_schema": None}))
        yield


@contextmanager
def _replaced(owner: object, attributes: Mapping[str, Any]) -> Iterator[None]:
    """Replace attributes of an object, which others hold and go on holding, for one block."""
    state = vars(owner)
    former = {name: state[name] for name in attributes if name in state}
    state.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            state.pop(name, None)
        state.update(former)


def _settings(guard: KindeGuard, kinde: LocalKinde) -> dict[str, Any]:
    from kinde_guard import KindeGuard  # noqa: PLC0415

    settings = guard.settings
    audience = settings.audience
    default_clock = KindeGuard(kinde.issuer, audience=None).settings.clock
    return {
        **{field.name: getattr(settings, field.name) for field in fields(settings) if field.init},
        "domain": kinde.issuer,
        "issuers": (),
        "audience": None if audience is None else (*audience, kinde.audience),
        "jwks_url": None,
        "jwks_cooldown": 0,
        # A client with a proxy or a mock transport does not reach local Kinde.
        "http_client": None,
        "clock": kinde.clock if settings.clock is default_clock else settings.clock,
        **_other_checks(guard, kinde),
    }


def _other_checks(guard: KindeGuard, kinde: LocalKinde) -> dict[str, Any]:
    """Return API keys and revocations of local Kinde in place of the guard's own."""
    checks: dict[str, Any] = {}
    api_keys: Any = getattr(guard.settings, "api_keys", None)
    if api_keys is not None:
        credentials = _manager(kinde) if api_keys.credentials is not None else None
        checks["api_keys"] = replace(
            api_keys, domain=None, credentials=credentials, http_client=None
        )
    if getattr(guard.settings, "revocations", None) is not None:
        checks["revocations"] = import_module("kinde_guard.revocation").MemoryRevocations()
    return checks


def _manager(kinde: LocalKinde) -> object:
    """Return credentials for local Kinde's Management API, None if it has no application for it."""
    from kinde_guard.client import ClientCredentials  # noqa: PLC0415

    manager = kinde.management
    return manager and ClientCredentials(
        kinde.issuer,
        client_id=manager.client_id,
        client_secret=manager.client_secret,
        audience=kinde.management_audience,
        scopes=["read:api_keys", "read:apis"],
    )
