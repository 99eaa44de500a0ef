"""The pages of roles and permissions, and what each role holds."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import Route

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.problems import NotThere
from kinde_guard.local.console.rights import (
    permission_switches,
    scope_switches,
    switch_role_rights,
)
from kinde_guard.local.console.routing import At, Console, Done, Sheet
from kinde_guard.local.console.typed import key_in, optional, title_in
from kinde_guard.local.store import Permission, Role, Store


def role_routes(console: Console) -> list[Route]:
    """Return the routes of these pages."""
    roles = _Roles(console.tenant.store)
    one, permission = "/roles/{role_id}", "/permissions/{permission_id}"
    every = Sheet("roles.html", roles.index)
    page = Sheet("role.html", roles.role)
    return [
        console.sheet("/roles", every),
        console.edits("/roles", roles.create, every),
        console.sheet(one, page),
        console.edits(one, roles.update, page),
        console.edits(f"{one}/rights", roles.switch, page),
        console.edits(f"{one}/delete", roles.delete, page),
        console.edits("/permissions", roles.create_permission, every),
        console.edits(permission, roles.update_permission, every),
        console.edits(f"{permission}/delete", roles.delete_permission, every),
    ]


class _Roles:
    def __init__(self, store: Store) -> None:
        self._store = store

    def index(self, _: At) -> Mapping[str, object]:
        store = self._store
        with store.reading():
            rows = [
                (each, len(store.role_permissions(each.id)), len(store.role_scopes(each.id)))
                for each in store.roles()
            ]
            return {"rows": rows, "permissions": store.permissions()}

    def create(self, _: At, form: Form) -> Done:
        role = self._store.add_role(
            key_in(form), title_in(form), optional(form, "description", "The description")
        )
        return Done(f"/roles/{role.id}", f"{role.name} was created. Next, say what it holds.")

    def role(self, at: At) -> Mapping[str, object]:
        store = self._store
        with store.reading():
            role = _role_of(store, at)
            permissions = {each.id for each in store.role_permissions(role.id)}
            scopes = {each.id for each in store.role_scopes(role.id)}
            return {
                "role": role,
                "permissions": permission_switches(store, permissions),
                "apis": scope_switches(store, scopes),
            }

    def update(self, at: At, form: Form) -> Done:
        role = _role_of(self._store, at)
        key, name, description = _described(form)
        self._store.update_role(role.id, key=key, name=name, description=description)
        return Done(f"/roles/{role.id}", "Saved.")

    def switch(self, at: At, form: Form) -> Done:
        role = _role_of(self._store, at)
        return Done(f"/roles/{role.id}#rights", switch_role_rights(self._store, role.id, form))

    def delete(self, at: At, _: Form) -> Done:
        role = _role_of(self._store, at)
        self._store.delete_role(role.id)
        return Done("/roles", f"{role.name} was deleted.")

    def create_permission(self, _: At, form: Form) -> Done:
        made = self._store.add_permission(
            key_in(form), title_in(form), optional(form, "description", "The description")
        )
        return Done("/roles#permissions", f"{made.key} was created. No role holds it yet.")

    def update_permission(self, at: At, form: Form) -> Done:
        permission = _permission_of(self._store, at)
        key, name, description = _described(form)
        self._store.update_permission(permission.id, key=key, name=name, description=description)
        return Done("/roles#permissions", "Saved.")

    def delete_permission(self, at: At, _: Form) -> Done:
        permission = _permission_of(self._store, at)
        self._store.delete_permission(permission.id)
        return Done("/roles#permissions", f"{permission.key} was deleted.")


def _described(form: Form) -> tuple[str, str, str]:
    return key_in(form), title_in(form), optional(form, "description", "The description")


def _role_of(store: Store, at: At) -> Role:
    role = store.role(at["role_id"])
    if role is None:
        raise NotThere("There is no such role; it may have been deleted.")
    return role


def _permission_of(store: Store, at: At) -> Permission:
    for permission in store.permissions():
        if permission.id == at["permission_id"]:
            return permission
    raise NotThere("There is no such permission; it may have been deleted.")
