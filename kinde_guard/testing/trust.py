"""``trust``: for one block, let a guard that was made for a tenant trust local Kinde instead.

Applications are often made at import, guard included. This puts another tenant before such a guard
for as long as a test takes. It is a function that a test calls with a running local Kinde in hand:
there is no variable, setting or global that could do the same, or be left on, in production.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from kinde_guard import KindeGuard, KindeGuardMiddleware
    from kinde_guard.local import LocalKinde


@contextmanager
def trust(
    guarded: KindeGuard | Starlette | KindeGuardMiddleware, kinde: LocalKinde
) -> Iterator[None]:
    """Let a guard trust ``kinde`` instead of its tenant, until the end of the block.

    All of its settings stay, but for these: its issuers are local Kinde alone; it takes tokens for
    local Kinde's audience besides those for its own; an unknown key is looked for at once; and time
    is told by ``kinde.clock``, unless the guard was given a clock. Keys, verified tokens and
    counters begin anew, and none of them outlives the block.

    Args:
        guarded: the guard, or the application that it was installed in.
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
    from kinde_guard import KindeGuard  # noqa: PLC0415

    guard = _guard_of(guarded)
    twin = vars(KindeGuard(**_settings(guard, kinde)))
    own = {name: vars(guard)[name] for name in twin}
    # Whoever holds the guard, the middleware or the application's own code, keeps holding it.
    vars(guard).update(twin)
    try:
        yield
    finally:
        vars(guard).update(own)


def _settings(guard: KindeGuard, kinde: LocalKinde) -> dict[str, Any]:
    settings = guard.settings
    audience = settings.audience
    return {
        **{field.name: getattr(settings, field.name) for field in fields(settings)},
        "domain": kinde.issuer,
        "issuers": (),
        "audience": None if audience is None else (*audience, kinde.audience),
        "jwks_url": None,
        "jwks_cooldown": 0,
        # One that goes through a proxy, or answers by itself, does not find local Kinde.
        "http_client": None,
        "clock": kinde.clock if settings.clock is time.time else settings.clock,
    }


def _guard_of(guarded: object) -> KindeGuard:
    from kinde_guard import ConfigurationError, KindeGuard  # noqa: PLC0415

    candidates = (
        guarded,
        getattr(guarded, "guard", None),
        *(middleware.kwargs.get("guard") for middleware in getattr(guarded, "user_middleware", ())),
    )
    for candidate in candidates:
        if isinstance(candidate, KindeGuard):
            return candidate
    raise ConfigurationError(
        f"guarded: {type(guarded).__name__} was given, in which no guard was installed; "
        "give the guard itself"
    )
