"""What members and roles may be given, as switches: roles, permissions and API scopes."""

from __future__ import annotations

from collections.abc import Collection

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.switching import Switch, saved, switch_all
from kinde_guard.local.store import Api, Store


def role_switches(store: Store, held: Collection[str]) -> list[Switch]:
    """Return every role, and whether it is held."""
    return [Switch(each.id, each.key, each.name, each.id in held) for each in store.roles()]


def permission_switches(store: Store, held: Collection[str]) -> list[Switch]:
    """Return every permission, and whether it is held."""
    return [Switch(each.id, each.key, each.name, each.id in held) for each in store.permissions()]


def scope_switches(store: Store, held: Collection[str]) -> list[tuple[Api, list[Switch]]]:
    """Return the scopes of each API of the tenant's own, and whether each is held.

    Those of the Management API are for machines.
    """
    return [
        (api, [Switch(each.id, each.key, each.description, each.id in held) for each in api.scopes])
        for api in store.apis()
        if api.scopes and not api.is_management_api
    ]


def switch_member_rights(store: Store, org_code: str, user_id: str, form: Form) -> str:
    """Give and take what a member's form says; return the sentence to say."""
    who = org_code, user_id
    with store.transaction():
        changed = switch_all(
            form,
            "role",
            {each.id for each in store.roles()},
            lambda each: store.add_member_role(*who, each),
            lambda each: store.remove_member_role(*who, each),
        )
        changed += switch_all(
            form,
            "permission",
            {each.id for each in store.permissions()},
            lambda each: store.add_member_permission(*who, each),
            lambda each: store.remove_member_permission(*who, each),
        )
        changed += switch_all(
            form,
            "scope",
            _scope_ids(store),
            lambda each: store.add_member_scope(*who, each),
            lambda each: store.remove_member_scope(*who, each),
        )
    return saved(changed)


def switch_role_rights(store: Store, role_id: str, form: Form) -> str:
    """Give and take what a role's form says; return the sentence to say."""
    with store.transaction():
        changed = switch_all(
            form,
            "permission",
            {each.id for each in store.permissions()},
            lambda each: store.add_role_permission(role_id, each),
            lambda each: store.delete_role_permission(role_id, each),
        )
        changed += switch_all(
            form,
            "scope",
            _scope_ids(store),
            lambda each: store.add_role_scope(role_id, each),
            lambda each: store.delete_role_scope(role_id, each),
        )
    return saved(changed)


def _scope_ids(store: Store) -> set[str]:
    apis = (api for api in store.apis() if not api.is_management_api)
    return {scope.id for api in apis for scope in api.scopes}
