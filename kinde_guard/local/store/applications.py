"""Applications: who may ask for tokens, and with what lifetimes and addresses."""

from __future__ import annotations

import json
import secrets
import string
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal, NamedTuple

from kinde_guard.local.callback_addresses import is_address
from kinde_guard.local.claims import ACCESS_TOKEN_LIFETIME, ID_TOKEN_LIFETIME
from kinde_guard.local.store.database import Database, Row
from kinde_guard.local.store.errors import NotThere

ApplicationType = Literal["m2m", "reg", "spa", "device"]
"""Kinde's codes: machine to machine, back-end web, front-end and mobile, device."""

PUBLIC_TYPES: Final[frozenset[ApplicationType]] = frozenset({"spa", "device"})
"""Those whose code runs where it can be read: they have no secret (RFC 6749, section 2.1)."""

SECRET_LENGTH: Final = 52
SECRET_ALPHABET: Final = string.ascii_letters + string.digits
REFRESH_TOKEN_LIFETIME: Final = 1_296_000
"""Seconds: fifteen days."""
SESSION_LIFETIME: Final = 86_400
"""Seconds: one day."""

_GRANTED: Final = """
SELECT CASE WHEN apis.is_management_api THEN ? ELSE apis.audience END, api_scopes.key
FROM authorised_applications AS authorised
JOIN apis ON apis.id = authorised.api_id
LEFT JOIN granted_scopes AS granted
    ON granted.client_id = authorised.client_id AND granted.api_id = authorised.api_id
LEFT JOIN api_scopes ON api_scopes.id = granted.scope_id
WHERE authorised.client_id = ?
ORDER BY authorised.rowid, api_scopes.rowid
"""
_MANAGEMENT: Final = """
SELECT applications.* FROM applications
JOIN authorised_applications USING (client_id)
JOIN apis ON apis.id = api_id AND is_management_api
ORDER BY applications.rowid LIMIT 1
"""
_ADD: Final = """
INSERT INTO applications (
    client_id, name, type, client_secret, org_code,
    token_lifetime, refresh_token_lifetime, id_token_lifetime, session_lifetime
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *
"""
_UPDATE: Final = """
UPDATE applications SET
    name = coalesce(:name, name),
    language_key = coalesce(:language_key, language_key),
    login_uri = coalesce(:login_uri, login_uri),
    homepage_uri = coalesce(:homepage_uri, homepage_uri),
    logout_uris = coalesce(:logout_uris, logout_uris),
    redirect_uris = coalesce(:redirect_uris, redirect_uris)
WHERE client_id = :client_id
"""
_SET_LIFETIMES: Final = """
UPDATE applications SET
    token_lifetime = coalesce(:access, token_lifetime),
    refresh_token_lifetime = coalesce(:refresh, refresh_token_lifetime),
    id_token_lifetime = coalesce(:id, id_token_lifetime),
    session_lifetime = coalesce(:session, session_lifetime),
    is_hasura_mapping_enabled = coalesce(:is_hasura, is_hasura_mapping_enabled)
WHERE client_id = :client_id
"""


class Access(NamedTuple):
    """An API that an application may ask for, and the scopes it was granted there."""

    audience: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class TokenCustomization:
    """What an application's access tokens say of people beyond what they always say.

    Source: Kinde, "Token customization" of an application, and "User API scopes".
    """

    api_scopes_in_permissions: bool = False
    """Kinde's toggle "Include API scopes in the permissions claim"."""
    roles: bool = False
    email: bool = False
    org_name: bool = False
    external_organization_id: bool = False

    @classmethod
    def from_json(cls, text: str) -> TokenCustomization:
        """Return what ``to_json`` wrote; what it did not write is off."""
        stored = json.loads(text)
        return cls(**{each.name: bool(stored.get(each.name)) for each in fields(cls)})

    def to_json(self) -> str:
        """Return it as the database keeps it."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Application:
    """An application of the tenant. Its id and its client id are one, as at Kinde."""

    name: str
    client_id: str
    # Any besides None: of a machine's secret its users know that it is there.
    client_secret: str | Any = field(repr=False)
    """None for a front end or a device, which cannot keep one."""
    type: ApplicationType
    org_code: str | None
    token_lifetime: int
    """Seconds that its access tokens live."""
    apis: tuple[Access, ...]
    refresh_token_lifetime: int = REFRESH_TOKEN_LIFETIME
    id_token_lifetime: int = ID_TOKEN_LIFETIME
    session_lifetime: int = SESSION_LIFETIME
    is_hasura_mapping_enabled: bool = False
    language_key: str = "en"
    login_uri: str = ""
    homepage_uri: str = ""
    logout_uris: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    token_customization: TokenCustomization = TokenCustomization()

    @property
    def is_public(self) -> bool:
        """Whether it is a client without a secret."""
        return self.type in PUBLIC_TYPES


class Applications(Database):
    """The applications of a tenant."""

    def application(self, client_id: str) -> Application | None:
        """Return the application of that id, if there is one."""
        with self.reading():
            found = self._all("SELECT * FROM applications WHERE client_id = ?", (client_id,))
            return self._application(found[0]) if found else None

    def applications(self) -> list[Application]:
        """Return all applications, in the order in which they were added."""
        with self.reading():
            found = self._all("SELECT * FROM applications ORDER BY rowid")
            return [self._application(row) for row in found]

    def management_application(self) -> Application | None:
        """Return the first application that may ask for the Management API, if there is one."""
        with self.reading():
            found = self._all(_MANAGEMENT)
            return self._application(found[0]) if found else None

    def add_application(
        self,
        name: str,
        *,
        type: ApplicationType = "m2m",  # noqa: A002 - Kinde's name for it
        org_code: str | None = None,
        client_id: str | None = None,
    ) -> Application:
        """Register an application with a new client id and, unless it is public, a secret.

        Args:
            name: what people call it.
            type: one of Kinde's codes.
            org_code: the organization that its tokens are for. It need not be registered here, so
                that a test can do without; code that takes it from a caller checks it.
            client_id: a new one unless it is given.

        Raises:
            AlreadyThere: another one has that client id.
            NotAllowed: the name is empty or longer than 64 characters, or the type is none.
        """
        secret = "".join(secrets.choice(SECRET_ALPHABET) for _ in range(SECRET_LENGTH))
        lifetimes = ACCESS_TOKEN_LIFETIME, REFRESH_TOKEN_LIFETIME, ID_TOKEN_LIFETIME
        with self.transaction():
            row = (
                client_id or uuid.uuid4().hex,
                name,
                type,
                secret,
                org_code,
                *lifetimes,
                SESSION_LIFETIME,
            )
            return self._application(self._all(_ADD, row)[0])

    def update_application(
        self,
        client_id: str,
        *,
        name: str | None = None,
        language_key: str | None = None,
        login_uri: str | None = None,
        homepage_uri: str | None = None,
        logout_uris: Sequence[str] | None = None,
        redirect_uris: Sequence[str] | None = None,
    ) -> None:
        """Change what is not None.

        Raises:
            NotThere: there is no such application.
        """
        changes = {
            "client_id": client_id,
            "name": name,
            "language_key": language_key,
            "login_uri": login_uri,
            "homepage_uri": homepage_uri,
            "logout_uris": _json(logout_uris),
            "redirect_uris": _json(redirect_uris),
        }
        self._write_one(_UPDATE, changes)

    def add_callbacks(self, client_id: str, urls: Iterable[str]) -> None:
        """Let an application be called back at more addresses.

        Raises:
            ValueError: one is no address to be called back at.
            NotThere: there is no such application.
        """
        with self.transaction():
            kept = self._existing_application(client_id).redirect_uris
            self.update_application(client_id, redirect_uris=_more(kept, urls))

    def add_logouts(self, client_id: str, urls: Iterable[str]) -> None:
        """Let people be led to more addresses when they sign out of an application.

        Raises:
            ValueError: one is no address to be led to.
            NotThere: there is no such application.
        """
        with self.transaction():
            kept = self._existing_application(client_id).logout_uris
            self.update_application(client_id, logout_uris=_more(kept, urls))

    def set_token_lifetimes(
        self,
        client_id: str,
        *,
        access: int | None = None,
        refresh: int | None = None,
        id: int | None = None,  # noqa: A002 - the name of the token
        session: int | None = None,
        is_hasura_mapping_enabled: bool | None = None,
    ) -> None:
        """Change the lifetimes, in seconds, that are not None.

        Raises:
            NotThere: there is no such application.
        """
        changes = {
            "client_id": client_id,
            "access": access,
            "refresh": refresh,
            "id": id,
            "session": session,
            "is_hasura": is_hasura_mapping_enabled,
        }
        self._write_one(_SET_LIFETIMES, changes)

    def customize_tokens(self, client_id: str, customization: TokenCustomization) -> None:
        """Say what the application's access tokens are to tell of people.

        Raises:
            NotThere: there is no such application.
        """
        query = "UPDATE applications SET token_customization = ? WHERE client_id = ?"
        self._write_one(query, (customization.to_json(), client_id))

    def delete_application(self, client_id: str) -> None:
        """Remove an application and all that it was granted.

        Raises:
            NotThere: there is no such application.
        """
        self._write_one("DELETE FROM applications WHERE client_id = ?", (client_id,))

    def _existing_application(self, client_id: str) -> Application:
        application = self.application(client_id)
        if application is None:
            raise NotThere("there is no such application")
        return application

    def _application(self, row: Row) -> Application:
        scopes: dict[str, list[str]] = {}
        with self.reading() as rows:
            granted = rows.execute(_GRANTED, (self.management_audience, row["client_id"]))
            for audience, key in granted:
                scopes.setdefault(audience, []).extend([key] if key is not None else [])
        return Application(
            **row
            | {
                "client_secret": None if row["type"] in PUBLIC_TYPES else row["client_secret"],
                "token_customization": TokenCustomization.from_json(row["token_customization"]),
                "apis": tuple(Access(audience, tuple(keys)) for audience, keys in scopes.items()),
                "is_hasura_mapping_enabled": bool(row["is_hasura_mapping_enabled"]),
                "logout_uris": tuple(json.loads(row["logout_uris"])),
                "redirect_uris": tuple(json.loads(row["redirect_uris"])),
            }
        )


def _json(uris: Sequence[str] | None) -> str | None:
    return None if uris is None else json.dumps(list(uris))


def _more(kept: tuple[str, ...], urls: Iterable[str]) -> tuple[str, ...]:
    added = tuple(urls)
    for url in added:
        if not is_address(url):
            raise ValueError(
                f"{url!r} is no address to be called back at: it must be absolute, such as"
                " http://localhost:3000/callback, and have no fragment."
            )
    return tuple(dict.fromkeys((*kept, *added)))
