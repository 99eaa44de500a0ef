"""Feature flags, and what organizations and people have in place of a flag's own value.

Values come as text, as Kinde has them: ``true`` and ``false``, a whole number, or any text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import Query
from pydantic import BaseModel

from kinde_guard.local.management.envelope import Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.texts import Body, Line, Text, Title, Word
from kinde_guard.local.store import FlagType, FlagValue, Store

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant

BOOLEANS: Final = {"true": True, "false": False}
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}")

Value = Annotated[str, Query(max_length=1024)]


class NewFlag(Body):
    """A flag to register."""

    name: Title
    key: Word
    type: FlagType
    default_value: Line
    description: Text = ""
    allow_override_level: Literal["env", "org", "usr"] | None = None


class FlagState(BaseModel):
    """The type and the value of a flag."""

    type: Literal["boolean", "integer", "string"]
    value: str


class FlagStates(Success):
    """Flags by their keys."""

    feature_flags: dict[str, FlagState]


TYPES: Final[dict[FlagType, Literal["boolean", "integer", "string"]]] = {
    "bool": "boolean",
    "int": "integer",
    "str": "string",
}


def feature_flag_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of flags."""
    operations, store = Operations("Feature flags"), tenant.store

    @operations.operation("CreateFeatureFlag", status=201)
    def create_flag(body: NewFlag) -> Success:
        value = read_value(body.type, body.default_value)
        store.add_feature_flag(body.key, body.name, value, description=body.description)
        return Success()

    @operations.operation("DeleteFeatureFlag")
    def delete_flag(feature_flag_key: str) -> Success:
        store.delete_feature_flag(feature_flag_key)
        return Success()

    @operations.operation("GetEnvironementFeatureFlags")
    def list_flags() -> FlagStates:
        return _states(store, None)

    return operations


def flag_override_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of overrides."""
    operations, store = Operations("Feature flags"), tenant.store

    @operations.operation("GetOrganizationFeatureFlags")
    def list_organization_flags(org_code: str) -> FlagStates:
        if store.organization(org_code) is None:
            raise Refused("ORGANIZATION_NOT_FOUND", "There is no organization of that code")
        return _states(store, org_code)

    @operations.operation("UpdateOrganizationFeatureFlagOverride")
    def override_for_organization(org_code: str, feature_flag_key: str, value: Value) -> Success:
        with store.transaction():
            read = _value_of(store, feature_flag_key, value)
            store.set_feature_flag(feature_flag_key, read, org_code=org_code)
        return Success()

    @operations.operation("DeleteOrganizationFeatureFlagOverride")
    def reset_for_organization(org_code: str, feature_flag_key: str) -> Success:
        with store.transaction():
            _existing_type(store, feature_flag_key)
            store.reset_feature_flag(feature_flag_key, org_code=org_code)
        return Success()

    @operations.operation("UpdateUserFeatureFlagOverride")
    def override_for_user(user_id: str, feature_flag_key: str, value: Value) -> Success:
        with store.transaction():
            read = _value_of(store, feature_flag_key, value)
            store.set_feature_flag(feature_flag_key, read, user_id=user_id)
        return Success()

    return operations


def read_value(kind: FlagType, text: str) -> FlagValue:
    """Return what a text says as the value of a flag, or raise ``Refused``.

    Example:
        >>> read_value("int", "5"), read_value("bool", "true"), read_value("str", "5")
        (5, True, '5')
    """
    if kind == "bool" and text in BOOLEANS:
        return BOOLEANS[text]
    if kind == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "str":
        return text
    raise Refused("INVALID_VALUE", f"The value of this flag must be one of type {kind}")


def _existing_type(store: Store, key: str) -> FlagType:
    flag = store.feature_flag(key)
    if flag is None:
        raise Refused("FEATURE_FLAG_NOT_FOUND", "There is no feature flag of that key")
    return flag.type


def _value_of(store: Store, key: str, text: str) -> FlagValue:
    return read_value(_existing_type(store, key), text)


def _states(store: Store, org_code: str | None) -> FlagStates:
    flags = store.feature_flags(org_code=org_code)
    return FlagStates(
        feature_flags={
            flag.key: FlagState(type=TYPES[flag.type], value=_text(flag.value)) for flag in flags
        }
    )


def _text(value: FlagValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
