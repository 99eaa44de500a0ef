"""The page of API keys: made with scopes, shown once, rotated, revoked, and when last used."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import Route

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.overview import api_of
from kinde_guard.local.console.people import name_of
from kinde_guard.local.console.problems import Invalid, NotThere
from kinde_guard.local.console.routing import At, Console, Done, Sheet
from kinde_guard.local.console.sessions import Secret
from kinde_guard.local.console.typed import title_in
from kinde_guard.local.store import ApiKey, KeyType, Store
from kinde_guard.local.tenant import Tenant

SHOWN_ONCE = "Copy it now: it cannot be shown again."


def api_key_routes(console: Console) -> list[Route]:
    """Return the routes of this page."""
    keys = _ApiKeys(console.tenant)
    page = Sheet("keys.html", keys.index)
    one = "/keys/{key_id}"
    return [
        console.sheet("/keys", page),
        console.edits("/keys", keys.create, page),
        console.edits(f"{one}/rotate", keys.rotate, page),
        console.edits(f"{one}/revoke", keys.revoke, page),
    ]


class _ApiKeys:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._store = tenant.store

    def index(self, _: At) -> Mapping[str, object]:
        with self._store.reading():
            apis = self._store.apis()
            return {
                "keys": [(key, self._owner(key)) for key in self._store.api_keys()],
                "names": {api.id: api.name for api in apis},
                "apis": [api for api in apis if not api.is_management_api],
                "owners": _owners(self._store),
            }

    def create(self, _: At, form: Form) -> Done:
        name = title_in(form)
        kind, user_id, org_code = _owner_in(form)
        with self._store.transaction():
            try:
                api = api_of(self._store, form.one("api_id"))
            except NotThere:
                raise Invalid("Choose one of the APIs.") from None
            scope_ids = form.every("scope")
            if not {scope.id for scope in api.scopes} >= set(scope_ids):
                raise Invalid("The API has lost one of these scopes. Choose again.")
            self._check_owner(user_id, org_code)
            key, secret = self._store.add_api_key(
                name,
                api.id,
                type=kind,
                scope_ids=scope_ids,
                user_id=user_id,
                org_code=org_code,
                created_by="console",
                now=self._tenant.clock(),
            )
        return Done("/keys", f"{name} was created. {SHOWN_ONCE}", Secret(key.id, secret))

    def rotate(self, at: At, _: Form) -> Done:
        key = self._key(at)
        secret = self._store.rotate_api_key(key.id)[1]
        sentence = f"{key.name} has a new secret; the former one is refused. {SHOWN_ONCE}"
        return Done("/keys", sentence, Secret(key.id, secret))

    def revoke(self, at: At, _: Form) -> Done:
        key = self._key(at)
        self._store.delete_api_key(key.id)
        return Done("/keys", f"{key.name} was revoked: it is refused from now on.")

    def _key(self, at: At) -> ApiKey:
        key = self._store.api_key(at["key_id"])
        if key is None:
            raise NotThere("There is no such API key; it may have been revoked.")
        return key

    def _check_owner(self, user_id: str | None, org_code: str | None) -> None:
        is_gone = (user_id is not None and self._store.user(user_id) is None) or (
            org_code is not None and self._store.organization(org_code) is None
        )
        if is_gone:
            raise Invalid("Choose to whom the key belongs.")

    def _owner(self, key: ApiKey) -> str:
        user = self._store.user(key.user_id) if key.user_id else None
        organization = self._store.organization(key.org_code) if key.org_code else None
        names = [name_of(user)] if user else []
        names += [organization.name] if organization else []
        return ", ".join(names) or "the environment"


def _owners(store: Store) -> list[tuple[str, str]]:
    return [
        ("environment:", "The environment"),
        *((f"organization:{each.code}", each.name) for each in store.organizations()),
        *((f"user:{each.id}", name_of(each)) for each in store.users()),
    ]


def _owner_in(form: Form) -> tuple[KeyType, str | None, str | None]:
    kind, _, name = form.one("owner").partition(":")
    match kind:
        case "environment":
            return "environment", None, None
        case "organization":
            return "organization", None, name
        case "user":
            return "user", name, None
        case _:
            raise Invalid("Choose to whom the key belongs.")
