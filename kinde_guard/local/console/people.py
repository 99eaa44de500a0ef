"""The pages of people: who there is, where each belongs, and what each holds there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.problems import Invalid, NotThere
from kinde_guard.local.console.rights import (
    permission_switches,
    role_switches,
    scope_switches,
    switch_member_rights,
)
from kinde_guard.local.console.routing import At, Console, Done, Sheet, in_thread
from kinde_guard.local.console.sessions import KeptToken
from kinde_guard.local.console.typed import flag_rows, optional, override
from kinde_guard.local.sign_in.people import member
from kinde_guard.local.store import Organization, Store, User
from kinde_guard.local.tenant import Tenant
from kinde_guard.local.user_tokens import access_claims

SCOPES: Final = ("openid", "profile", "email")
"""What a test token for a person asks for."""

_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}")


def people_routes(console: Console) -> list[Route]:
    """Return the routes of these pages."""
    people = _People(console)
    one = "/people/{user_id}"
    org = one + "/organizations/{org_code}"
    every = Sheet("people.html", people.index)
    page = Sheet("person.html", people.person)
    return [
        console.sheet("/people", every),
        console.edits("/people", people.create, every),
        console.sheet(one, page),
        console.edits(one, people.rename, page),
        console.edits(f"{one}/suspend", people.suspend, page),
        console.edits(f"{one}/delete", people.delete, page),
        console.edits(f"{one}/organizations", people.join, page),
        console.edits(f"{one}/flags", people.set_flag, page),
        console.edits(org, people.switch, page),
        console.edits(f"{org}/leave", people.leave, page),
        console.changes(f"{one}/tokens", people.get_token),
    ]


class _People:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._tenant = console.tenant
        self._store = console.tenant.store

    def index(self, _: At) -> Mapping[str, object]:
        with self._store.reading():
            names = {each.code: each.name for each in self._store.organizations()}
            people = [
                (user, name_of(user), [names[code] for code in user.organizations])
                for user in self._store.users()
            ]
        return {"people": people, "organizations": names}

    def create(self, _: At, form: Form) -> Done:
        email = _email(form)
        names = {
            name: optional(form, name, label) or None
            for name, label in (("first_name", "The first name"), ("last_name", "The last name"))
        }
        code = form.one("org_code")
        with self._store.transaction():
            if code and self._store.organization(code) is None:
                raise Invalid("Choose one of the organizations.")
            user = self._store.add_user(email=email, **names, created_on=self._tenant.clock())
            if code:
                self._store.add_member(code, user.id)
        return Done(f"/people/{user.id}", f"{name_of(user)} was created.")

    def person(self, at: At) -> Mapping[str, object]:
        with self._store.reading():
            user = person_of(self._store, at)
            organizations = self._store.organizations()
            applications = [each for each in self._store.applications() if each.type != "m2m"]
            return {
                "user": user,
                "name": name_of(user),
                "memberships": [
                    self._membership(each, user)
                    for each in organizations
                    if each.code in user.organizations
                ],
                "others": [each for each in organizations if each.code not in user.organizations],
                "flags": flag_rows(self._store, user_id=user.id),
                "applications": [(each.client_id, each.name) for each in applications],
            }

    def rename(self, at: At, form: Form) -> Done:
        user = person_of(self._store, at)
        self._store.update_user(
            user.id,
            first_name=optional(form, "first_name", "The first name"),
            last_name=optional(form, "last_name", "The last name"),
        )
        return Done(f"/people/{user.id}", "Saved.")

    def suspend(self, at: At, form: Form) -> Done:
        user = person_of(self._store, at)
        is_suspended = form.one("suspended") == "yes"
        self._store.update_user(user.id, is_suspended=is_suspended)
        state = "is suspended" if is_suspended else "may sign in again"
        return Done(f"/people/{user.id}", f"{name_of(user)} {state}.")

    def delete(self, at: At, _: Form) -> Done:
        user = person_of(self._store, at)
        self._store.delete_user(user.id)
        return Done("/people", f"{name_of(user)} was deleted.")

    def join(self, at: At, form: Form) -> Done:
        user = person_of(self._store, at)
        organization = self._store.organization(form.one("org_code"))
        if organization is None:
            raise Invalid("Choose one of the organizations.")
        self._store.add_member(organization.code, user.id)
        path = f"/people/{user.id}#{organization.code}"
        return Done(path, f"{name_of(user)} now belongs to {organization.name}.")

    def leave(self, at: At, _: Form) -> Done:
        user, organization = self._member(at)
        self._store.remove_member(organization.code, user.id)
        sentence = f"{name_of(user)} belongs to {organization.name} no more."
        return Done(f"/people/{user.id}", sentence)

    def switch(self, at: At, form: Form) -> Done:
        user, organization = self._member(at)
        sentence = switch_member_rights(self._store, organization.code, user.id, form)
        return Done(f"/people/{user.id}#{organization.code}", sentence)

    def set_flag(self, at: At, form: Form) -> Done:
        user = person_of(self._store, at)
        sentence = override(self._store, form, user_id=user.id)
        return Done(f"/people/{user.id}#flags", sentence)

    async def get_token(self, request: Request, form: Form) -> Response:
        try:
            token = await in_thread(_token, self._tenant, request.path_params, form)
        except Invalid as problem:
            page = Sheet("person.html", self.person)
            return await self._console.show_sheet(request, page, form, problem)
        name = self._console.sessions.of(request).keep(token)
        return self._console.go(request, f"/tokens/{name}")

    def _member(self, at: At) -> tuple[User, Organization]:
        user = person_of(self._store, at)
        organization = self._store.organization(at["org_code"])
        if organization is None or organization.code not in user.organizations:
            raise NotThere("The person does not belong to this organization, or it was deleted.")
        return user, organization

    def _membership(self, organization: Organization, user: User) -> dict[str, object]:
        store, who = self._store, (organization.code, user.id)
        return {
            "organization": organization,
            "roles": role_switches(store, {role.id for role in store.member_roles(*who)}),
            "permissions": permission_switches(store, store.direct_permission_ids(*who)),
            "apis": scope_switches(store, store.direct_scope_ids(*who)),
        }


def person_of(store: Store, at: At) -> User:
    """Return the person that a path names, or raise ``NotThere``."""
    user = store.user(at["user_id"])
    if user is None:
        raise NotThere("There is no such person; it may have been deleted.")
    return user


def name_of(user: User) -> str:
    """Return what the pages call a person."""
    full = f"{user.first_name or ''} {user.last_name or ''}".strip()
    return full or user.email or user.username or user.phone or user.id


def _email(form: Form) -> str:
    email = form.text("email", "The e-mail address", longest=255)
    if not _EMAIL.fullmatch(email):
        raise Invalid("The e-mail address must be like ada@example.com.")
    return email


def _token(tenant: Tenant, at: At, form: Form) -> KeptToken:
    user = person_of(tenant.store, at)
    application = tenant.store.application(form.one("client_id"))
    if application is None or application.type == "m2m":
        raise Invalid("Choose an application that people sign in to.")
    person = member(user, form.one("org_code") or None)
    if person is None:
        raise Invalid(f"{name_of(user)} is suspended, or does not belong to this organization.")
    audience = tuple(access.audience for access in application.apis)
    claims = access_claims(
        tenant,
        application,
        user,
        org_code=person.org_code,
        audience=audience,
        scopes=SCOPES,
    )
    raw = tenant.keys.sign(claims)
    return KeptToken(raw, application.client_id, audience[0] if audience else "")
