"""The pages of organizations: names, members, and the values of feature flags there."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import Route

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.people import name_of
from kinde_guard.local.console.problems import Invalid, NotThere
from kinde_guard.local.console.routing import At, Console, Done, Sheet
from kinde_guard.local.console.typed import flag_rows, optional, override, title_in
from kinde_guard.local.store import Organization, Store
from kinde_guard.local.tenant import Tenant


def organization_routes(console: Console) -> list[Route]:
    """Return the routes of these pages."""
    organizations = _Organizations(console.tenant)
    one = "/organizations/{org_code}"
    every = Sheet("organizations.html", organizations.index)
    page = Sheet("organization.html", organizations.organization)
    return [
        console.sheet("/organizations", every),
        console.edits("/organizations", organizations.create, every),
        console.sheet(one, page),
        console.edits(one, organizations.update, page),
        console.edits(f"{one}/members", organizations.add_member, page),
        console.edits(f"{one}/flags", organizations.set_flag, page),
        console.edits(f"{one}/delete", organizations.delete, page),
    ]


class _Organizations:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._store = tenant.store

    def index(self, _: At) -> Mapping[str, object]:
        with self._store.reading():
            rows = [
                (each, len(self._store.members(each.code))) for each in self._store.organizations()
            ]
        return {"rows": rows}

    def create(self, _: At, form: Form) -> Done:
        made = self._store.add_organization(
            title_in(form),
            handle=optional(form, "handle", "The handle") or None,
            external_id=optional(form, "external_id", "The external id") or None,
            created_on=self._tenant.clock(),
        )
        return Done(f"/organizations/{made.code}", f"{made.name} was created.")

    def organization(self, at: At) -> Mapping[str, object]:
        with self._store.reading():
            organization = _organization_of(self._store, at)
            members = self._store.members(organization.code)
            ids = {user.id for user in members}
            return {
                "organization": organization,
                "members": [
                    (user, name_of(user), self._store.member_roles(organization.code, user.id))
                    for user in members
                ],
                "others": [
                    (user.id, name_of(user)) for user in self._store.users() if user.id not in ids
                ],
                "flags": flag_rows(self._store, org_code=organization.code),
            }

    def update(self, at: At, form: Form) -> Done:
        organization = _organization_of(self._store, at)
        self._store.update_organization(
            organization.code,
            name=title_in(form),
            # An empty handle would be one that only one organization can have.
            handle=optional(form, "handle", "The handle") or None,
            external_id=optional(form, "external_id", "The external id"),
        )
        return Done(f"/organizations/{organization.code}", "Saved.")

    def add_member(self, at: At, form: Form) -> Done:
        organization = _organization_of(self._store, at)
        user = self._store.user(form.one("user_id"))
        if user is None:
            raise Invalid("Choose one of the people.")
        self._store.add_member(organization.code, user.id)
        path = f"/organizations/{organization.code}#members"
        return Done(path, f"{name_of(user)} now belongs to {organization.name}.")

    def set_flag(self, at: At, form: Form) -> Done:
        organization = _organization_of(self._store, at)
        sentence = override(self._store, form, org_code=organization.code)
        return Done(f"/organizations/{organization.code}#flags", sentence)

    def delete(self, at: At, _: Form) -> Done:
        organization = _organization_of(self._store, at)
        self._store.delete_organization(organization.code)
        return Done("/organizations", f"{organization.name} was deleted.")


def _organization_of(store: Store, at: At) -> Organization:
    organization = store.organization(at["org_code"])
    if organization is None:
        raise NotThere("There is no such organization; it may have been deleted.")
    return organization
