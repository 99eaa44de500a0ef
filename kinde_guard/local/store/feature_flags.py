"""Feature flags: a value for all, overridden for an organization, and again for a person."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Final, Literal

from kinde_guard.local.store.database import Database, Row
from kinde_guard.local.store.errors import NotAllowed, NotThere

FlagType = Literal["bool", "int", "str"]
"""Kinde's names, as its Management API takes them."""
FlagValue = bool | int | str

_TYPES: Final[dict[str, type[FlagValue]]] = {"bool": bool, "int": int, "str": str}

_ADD: Final = """
INSERT INTO feature_flags (key, id, name, description, type, value) VALUES (?, ?, ?, ?, ?, ?)
"""
_VALUES: Final = """
SELECT feature_flags.*,
    coalesce(user_flags.value, organization_flags.value, feature_flags.value) AS value
FROM feature_flags
LEFT JOIN organization_flags
    ON organization_flags.key = feature_flags.key AND organization_flags.org_code = :org_code
LEFT JOIN user_flags
    ON user_flags.key = feature_flags.key AND user_flags.user_id = :user_id
ORDER BY feature_flags.rowid
"""


@dataclass(frozen=True)
class FeatureFlag:
    """A feature flag and the value that it has for whom it was asked."""

    key: str
    id: str
    name: str
    description: str
    type: FlagType
    value: FlagValue


class FeatureFlags(Database):
    """The feature flags of a tenant."""

    def feature_flags(
        self, *, org_code: str | None = None, user_id: str | None = None
    ) -> list[FeatureFlag]:
        """Return all flags with their values for an organization, a person, or everyone."""
        rows = self._all(_VALUES, {"org_code": org_code, "user_id": user_id})
        return [_flag(row) for row in rows]

    def feature_flag(self, key: str) -> FeatureFlag | None:
        """Return the flag of that key, with the value that it has for everyone."""
        return next((flag for flag in self.feature_flags() if flag.key == key), None)

    def add_feature_flag(
        self, key: str, name: str, value: FlagValue, *, description: str = ""
    ) -> FeatureFlag:
        """Register a flag; the type of its value is the flag's.

        Raises:
            AlreadyThere: another one has that key.
            NotAllowed: key or name is empty or too long.
        """
        kind = flag_type(value)
        flag = FeatureFlag(key, f"flag_{uuid.uuid4().hex}", name, description, kind, value)
        self._write(_ADD, (key, flag.id, name, description, kind, json.dumps(value)))
        return flag

    def set_feature_flag(
        self,
        key: str,
        value: FlagValue,
        *,
        org_code: str | None = None,
        user_id: str | None = None,
    ) -> None:
        """Change a flag's value for an organization, a person, or everyone.

        Raises:
            NotThere: there is no such flag, organization or person.
            NotAllowed: the value is not of the flag's type.
        """
        with self.transaction():
            self._check_type(key, value)
            if org_code is not None:
                query = "INSERT OR REPLACE INTO organization_flags VALUES (?, ?, ?)"
                self._write(query, (org_code, key, json.dumps(value)))
            elif user_id is not None:
                query = "INSERT OR REPLACE INTO user_flags VALUES (?, ?, ?)"
                self._write(query, (user_id, key, json.dumps(value)))
            else:
                query = "UPDATE feature_flags SET value = ? WHERE key = ?"
                self._write(query, (json.dumps(value), key))

    def reset_feature_flag(
        self, key: str, *, org_code: str | None = None, user_id: str | None = None
    ) -> None:
        """Take an organization's or a person's own value away, if there is one."""
        with self.transaction() as rows:
            rows.execute(
                "DELETE FROM organization_flags WHERE key = ? AND org_code = ?", (key, org_code)
            )
            rows.execute("DELETE FROM user_flags WHERE key = ? AND user_id = ?", (key, user_id))

    def delete_feature_flag(self, key: str) -> None:
        """Remove a flag.

        Raises:
            NotThere: there is no such flag.
        """
        self._write_one("DELETE FROM feature_flags WHERE key = ?", (key,))

    def _check_type(self, key: str, value: FlagValue) -> None:
        flag = self.feature_flag(key)
        if flag is None:
            raise NotThere("there is no such feature flag")
        if type(value) is not _TYPES[flag.type]:
            raise NotAllowed("the value is of another type than the feature flag")


def flag_type(value: FlagValue) -> FlagType:
    """Return the type of a flag that has this value."""
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int) else "str"


def _flag(row: Row) -> FeatureFlag:
    return FeatureFlag(**row | {"value": json.loads(row["value"])})
