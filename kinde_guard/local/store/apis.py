"""APIs and their scopes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from kinde_guard.local.store.database import Database, Row
from kinde_guard.local.store.errors import AlreadyThere
from kinde_guard.local.store.schema import MANAGEMENT_WORD


@dataclass(frozen=True)
class ApiScope:
    """A scope of an API."""

    id: str
    key: str
    description: str
    api_id: str


@dataclass(frozen=True)
class Api:
    """An API of the tenant, with its scopes in the order in which they were added."""

    id: str
    name: str
    audience: str
    is_management_api: bool
    scopes: tuple[ApiScope, ...]


class Apis(Database):
    """The APIs of a tenant."""

    def apis(self) -> list[Api]:
        """Return all APIs by name."""
        with self.reading():
            return [
                self._api(row) for row in self._all("SELECT * FROM apis ORDER BY name, audience")
            ]

    def api(self, api_id: str) -> Api | None:
        """Return the API of that id, if there is one."""
        with self.reading():
            found = self._all("SELECT * FROM apis WHERE id = ?", (api_id,))
            return self._api(found[0]) if found else None

    def add_api(self, name: str, audience: str, *, is_management_api: bool = False) -> str:
        """Register an API and return its id. An audience is unique within the tenant.

        The audience of the Management API is not the one given but the store's own.

        Raises:
            AlreadyThere: another API has that audience.
            NotAllowed: name or audience is empty or longer than 64 characters.
        """
        if audience in self._management_audiences and not is_management_api:
            raise AlreadyThere("this is the audience of the Management API")
        api_id = uuid.uuid4().hex
        kept = MANAGEMENT_WORD if is_management_api else audience
        self._write("INSERT INTO apis VALUES (?, ?, ?, ?)", (api_id, name, kept, is_management_api))
        return api_id

    def delete_api(self, api_id: str) -> None:
        """Remove an API with its scopes, and every grant of them.

        Raises:
            NotThere: there is no such API.
        """
        self._write_one("DELETE FROM apis WHERE id = ?", (api_id,))

    def scope(self, api_id: str, scope_id: str) -> ApiScope | None:
        """Return that scope of that API, if there is one."""
        query = "SELECT * FROM api_scopes WHERE api_id = ? AND id = ?"
        found = self._all(query, (api_id, scope_id))
        return ApiScope(**found[0]) if found else None

    def add_scope(self, api_id: str, key: str, description: str = "") -> str:
        """Add a scope to an API and return the scope's id.

        Raises:
            NotThere: there is no such API.
            AlreadyThere: the API has a scope of that name.
            NotAllowed: the name is empty or longer than 64 characters.
        """
        scope_id = f"api_scope_{uuid.uuid4().hex}"
        row = (scope_id, api_id, key, description)
        self._write("INSERT INTO api_scopes VALUES (?, ?, ?, ?)", row)
        return scope_id

    def update_scope(self, api_id: str, scope_id: str, description: str) -> None:
        """Describe a scope anew; its name never changes.

        Raises:
            NotThere: the API has no such scope.
        """
        query = "UPDATE api_scopes SET description = ? WHERE api_id = ? AND id = ?"
        self._write_one(query, (description, api_id, scope_id))

    def delete_scope(self, api_id: str, scope_id: str) -> None:
        """Remove a scope and every grant of it.

        Raises:
            NotThere: the API has no such scope.
        """
        self._write_one("DELETE FROM api_scopes WHERE api_id = ? AND id = ?", (api_id, scope_id))

    def _api(self, row: Row) -> Api:
        scopes = self._all("SELECT * FROM api_scopes WHERE api_id = ? ORDER BY rowid", (row["id"],))
        is_management_api = bool(row["is_management_api"])
        return Api(
            id=row["id"],
            name=row["name"],
            audience=self.management_audience if is_management_api else row["audience"],
            is_management_api=is_management_api,
            scopes=tuple(ApiScope(**scope) for scope in scopes),
        )
