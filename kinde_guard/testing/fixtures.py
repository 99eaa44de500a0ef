"""The fixtures: one tenant for the whole session, as good as new for every test.

A tenant takes a third of a second to start, so a session has one, and other fixtures of any scope
may build on it: an application, a client. Before each test it is put right again: it serves, no
fault is in force, its clock is the machine's, its first key signs. It keeps the applications, APIs
and scopes that were added, for a fixture of the session may have added them.

The first key comes back, rather than a new one, because an application that lives as long as the
session knows that key and, as in production, will not look for others all the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from kinde_guard.local import LocalKinde


class KindeToken(Protocol):
    """The type of the fixture ``kinde_token``."""

    def __call__(
        self,
        scopes: str | Iterable[str] = (),
        *,
        audience: str | Iterable[str] | None = None,
        client_id: str | None = None,
        roles: Iterable[str] | None = None,
        features: Mapping[str, bool | int | str] | None = None,
        expires_in: int = 86_400,
        **claims: object,
    ) -> str:
        """Return a machine's access token.

        Args:
            scopes: what it holds; nothing unless they are named.
            audience: one or more; None for that of local Kinde, which ``trust`` accepts too.
            client_id: the application; None for "Back office".
            roles: keys of roles, for ``require_roles``.
            features: values of feature flags by key, for ``require_feature``.
            expires_in: seconds; one that is not positive gives an expired token.
            claims: any claims to set or change, such as ``org_code="org_1"``; the value
                ``local_kinde.OMIT`` leaves one out.
        """
        ...


@pytest.fixture(scope="session")
def local_kinde(request: pytest.FixtureRequest) -> Iterator[LocalKinde]:
    """A running local Kinde, put right before every test."""
    # Imported here, not above: pytest imports this module wherever the package is installed, also
    # where no test has anything to do with it.
    from kinde_guard.local import LocalKinde  # noqa: PLC0415

    with LocalKinde() as kinde:
        restoration = _Restoration(kinde)
        plugins = request.config.pluginmanager
        plugins.register(restoration)
        yield kinde
        plugins.unregister(restoration)


@pytest.fixture(scope="session")
def kinde_token(local_kinde: LocalKinde) -> KindeToken:
    """Make access tokens of local Kinde: ``kinde_token(scopes=["read:users"])``."""

    def token(
        scopes: str | Iterable[str] = (),
        *,
        audience: str | Iterable[str] | None = None,
        client_id: str | None = None,
        roles: Iterable[str] | None = None,
        features: Mapping[str, bool | int | str] | None = None,
        expires_in: int = 86_400,
        **claims: object,
    ) -> str:
        return local_kinde.token(
            scopes,
            audience=audience,
            client_id=client_id,
            roles=roles,
            features=features,
            expires_in=expires_in,
            **claims,
        )

    return token


class _Restoration:
    """The part of the plugin that works only where a tenant runs."""

    def __init__(self, kinde: LocalKinde) -> None:
        self._kinde = kinde
        self._keys = kinde.store.signing_keys()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        kinde = self._kinde
        kinde.start()
        kinde.recover()
        kinde.clock.reset()
        if kinde.store.signing_keys() != self._keys:
            kinde.store.replace_signing_keys(self._keys)
