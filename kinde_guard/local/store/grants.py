"""Which application may ask for which API, and which of that API's scopes it was granted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kinde_guard.local.store.applications import Application, Applications

_AUTHORISED: Final = """
SELECT applications.* FROM applications JOIN authorised_applications USING (client_id)
WHERE api_id = ? ORDER BY applications.rowid
"""


class Grants(Applications):
    """What was granted to whom."""

    def api_applications(self, api_id: str) -> list[Application]:
        """Return the applications that may ask for an API."""
        with self.reading():
            return [self._application(row) for row in self._all(_AUTHORISED, (api_id,))]

    def is_authorised(self, client_id: str, api_id: str) -> bool:
        """Tell whether an application may ask for an API."""
        query = "SELECT 1 FROM authorised_applications WHERE client_id = ? AND api_id = ?"
        return bool(self._all(query, (client_id, api_id)))

    def authorise(self, client_id: str, api_id: str) -> None:
        """Let an application ask for an API; it holds none of its scopes yet.

        Raises:
            NotThere: there is no such application or API.
        """
        query = "INSERT OR IGNORE INTO authorised_applications VALUES (?, ?)"
        self._write(query, (client_id, api_id))

    def deauthorise(self, client_id: str, api_id: str) -> None:
        """Let an application ask for an API no more; what it was granted there is gone."""
        query = "DELETE FROM authorised_applications WHERE client_id = ? AND api_id = ?"
        self._write(query, (client_id, api_id))

    def granted_scope_ids(self, client_id: str, api_id: str) -> frozenset[str]:
        """Return the ids of an API's scopes that an application was granted."""
        query = "SELECT scope_id FROM granted_scopes WHERE client_id = ? AND api_id = ?"
        return frozenset(row["scope_id"] for row in self._all(query, (client_id, api_id)))

    def grant(self, client_id: str, api_id: str, scope_id: str) -> None:
        """Grant an authorised application one scope of that API.

        Raises:
            NotThere: it is not authorised, or the API has no such scope.
        """
        query = "INSERT OR IGNORE INTO granted_scopes VALUES (?, ?, ?)"
        self._write(query, (client_id, api_id, scope_id))

    def revoke_grant(self, client_id: str, api_id: str, scope_id: str) -> None:
        """Take a scope from an application, if it holds it."""
        query = "DELETE FROM granted_scopes WHERE client_id = ? AND api_id = ? AND scope_id = ?"
        self._write(query, (client_id, api_id, scope_id))

    def replace_grants(self, client_id: str, api_id: str, scope_ids: Iterable[str]) -> None:
        """Let an application hold exactly these scopes of an API.

        Raises:
            NotThere: it is not authorised, or the API has no such scope.
        """
        with self.transaction() as rows:
            query = "DELETE FROM granted_scopes WHERE client_id = ? AND api_id = ?"
            rows.execute(query, (client_id, api_id))
            for scope_id in scope_ids:
                self.grant(client_id, api_id, scope_id)
