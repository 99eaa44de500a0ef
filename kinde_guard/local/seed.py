"""The tenant that every new local Kinde starts with: small, and like one that people have.

One API with two machine applications, the Management API with an application that may do anything
there, a website and a front end for people to sign in to, and two organizations with a few people
in three roles, with permissions, scopes of the API and feature flags.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from kinde_guard.local.management.scope_policy import scopes as management_scopes
from kinde_guard.local.store import Application, FlagValue, Store, TokenCustomization

API_NAME: Final = "Users API"
AUDIENCE: Final = "https://api.demo.example"

SCOPES: Final = {
    "read:users": "See users",
    "create:users": "Add users",
    "update:users": "Change users",
    "delete:users": "Remove users",
    "read:roles": "See roles",
    "update:roles": "Change roles",
}
"""The scopes of the API, with their descriptions."""

APPLICATIONS: Final = {
    "Back office": tuple(SCOPES),
    "Reporting": ("read:users", "read:roles"),
}
"""The machine applications, with the scopes that each was granted."""

_READING: Final = APPLICATIONS["Reporting"]
LONGEST_NAME: Final = 64
"""Characters of an API's name."""

MANAGEMENT_API: Final = "Kinde Management API"
MANAGEMENT_APPLICATION: Final = "Management"
WEBSITE: Final = "Website"
FRONT_END: Final = "Front end"
FRONT_END_CLIENT_ID: Final = "3f0c9d2be1a84c57b6d0a1e2f3049586"
"""The same in every new tenant, so that a front end's settings outlive a restart. It is no secret:
a front end's client id can be read by all who open it."""

_ORIGINS: Final = tuple(
    f"http://{host}:{port}" for port in (3000, 5173, 8000) for host in ("localhost", "127.0.0.1")
)
CALLBACKS: Final = (
    *(f"{origin}/docs/oauth2-redirect" for origin in _ORIGINS if origin.endswith(":8000")),
    *(f"{origin}{path}" for origin in _ORIGINS for path in ("", "/", "/callback")),
    *(f"{origin}/api/auth/kinde_callback" for origin in _ORIGINS if origin.endswith(":3000")),
)
"""Where the website and the front end may be called back: the addresses that FastAPI's docs, Vite,
React and Next.js have while they are developed."""
LOGOUTS: Final = tuple(
    f"{origin}{path}" for origin in _ORIGINS for path in ("", "/", "/docs", "/logout")
)

ANALYTICAL: Final = "org_1ccfb819462"
DIFFERENCE: Final = "org_7b2e9d04f31"
ORGANIZATIONS: Final = {ANALYTICAL: "Analytical Engines", DIFFERENCE: "Difference Works"}
"""Names by codes; the first one is the default."""

PERMISSIONS: Final = {
    "manage:members": "Invite and remove people",
    "view:reports": "Open reports",
}
ROLES: Final = {
    "admin": ("Administrator", tuple(PERMISSIONS), tuple(SCOPES)),
    "analyst": ("Analyst", ("view:reports",), ("read:users", "read:roles")),
    "guest": ("Guest", (), ()),
}
"""By their keys: the name, the permissions and the scopes of each role."""

USERS: Final = (
    ("Ada", "Lovelace", "ada@example.com", {ANALYTICAL: "admin"}),
    ("Charles", "Babbage", "charles@example.com", {ANALYTICAL: "guest", DIFFERENCE: "admin"}),
    ("Mary", "Somerville", "mary@example.com", {DIFFERENCE: "analyst"}),
)
"""First name, last name, e-mail, and the role in each of their organizations."""
DIRECT_PERMISSION: Final = ("charles@example.com", ANALYTICAL, "view:reports")
DIRECT_SCOPE: Final = ("mary@example.com", DIFFERENCE, "create:users")

FLAGS: Final[dict[str, tuple[str, FlagValue]]] = {
    "beta": ("Beta features", False),
    "theme": ("Theme", "blue"),
    "seats": ("Seats", 5),
}
"""Name and value for everyone, by key."""


def seed(store: Store, *, audiences: Sequence[str] = (), scopes: Sequence[str] = ()) -> None:
    """Fill an empty store, and add the APIs of these audiences wherever they are missing.

    Args:
        store: the rows of the tenant.
        audiences: the first one takes the place of the demo's API in an empty store.
        scopes: those of each of these APIs; none for the demo's.
    """
    described = dict.fromkeys(scopes, "") or SCOPES
    with store.transaction():
        if store.is_new:
            _fill(store, audiences[0] if audiences else AUDIENCE, described)
        for audience in audiences:
            _complete_api(store, audience, described)


def _fill(store: Store, audience: str, described: Mapping[str, str]) -> None:
    name = API_NAME if audience == AUDIENCE else audience[:LONGEST_NAME]
    api_id = store.add_api(name, audience)
    scope_ids = {key: store.add_scope(api_id, key, text) for key, text in described.items()}
    for name in APPLICATIONS:
        _add_machine(store, name, api_id, [scope_ids[key] for key in _granted(name, scope_ids)])
    management_id = store.add_api(MANAGEMENT_API, "", is_management_api=True)
    every = [store.add_scope(management_id, key) for key in management_scopes()]
    _add_machine(store, MANAGEMENT_APPLICATION, management_id, every)
    _add_front(store, store.add_application(WEBSITE, type="reg"), api_id)
    front_end = store.add_application(FRONT_END, type="spa", client_id=FRONT_END_CLIENT_ID)
    _add_front(store, front_end, api_id)
    _add_organizations(store, scope_ids)
    _add_people(store, scope_ids)
    _add_flags(store)


def _granted(application: str, keys: Collection[str]) -> list[str]:
    """Return the scopes that a machine application is granted: all, or those that only read."""
    every = len(APPLICATIONS[application]) == len(SCOPES)
    return [key for key in keys if every or key in _READING or key.startswith("read:")]


def _complete_api(store: Store, audience: str, described: Mapping[str, str]) -> None:
    """Add an API, or the scopes that it lacks, and grant what is new."""
    api = next((each for each in store.apis() if each.audience == audience), None)
    known = {scope.key for scope in api.scopes} if api else set()
    api_id = api.id if api else store.add_api(audience[:LONGEST_NAME], audience)
    added = {
        key: store.add_scope(api_id, key, text)
        for key, text in described.items()
        if key not in known
    }
    if api is not None and not added:
        return
    management = store.management_application()
    for application in store.applications():
        if application == management:
            continue
        store.authorise(application.client_id, api_id)
        if application.name in APPLICATIONS:
            _grant(store, application, audience, api_id)


def _grant(store: Store, application: Application, audience: str, api_id: str) -> None:
    api = next(each for each in store.apis() if each.id == api_id)
    held = next((access.scopes for access in application.apis if access.audience == audience), ())
    keys = {*held, *_granted(application.name, [scope.key for scope in api.scopes])}
    ids = [scope.id for scope in api.scopes if scope.key in keys]
    store.replace_grants(application.client_id, api_id, ids)


def _add_machine(store: Store, name: str, api_id: str, scope_ids: list[str]) -> None:
    application = store.add_application(name)
    store.authorise(application.client_id, api_id)
    store.replace_grants(application.client_id, api_id, scope_ids)


def _add_front(store: Store, application: Application, api_id: str) -> None:
    store.authorise(application.client_id, api_id)
    store.update_application(application.client_id, redirect_uris=CALLBACKS, logout_uris=LOGOUTS)
    shown = TokenCustomization(api_scopes_in_permissions=True, roles=True)
    store.customize_tokens(application.client_id, shown)


def _add_organizations(store: Store, scope_ids: dict[str, str]) -> None:
    for code, name in ORGANIZATIONS.items():
        store.add_organization(name, code=code, is_default=code == ANALYTICAL)
    permissions = {key: store.add_permission(key, text).id for key, text in PERMISSIONS.items()}
    for key, (title, held, granted) in ROLES.items():
        role = store.add_role(key, title)
        for permission in held:
            store.add_role_permission(role.id, permissions[permission])
        every = len(granted) == len(SCOPES)
        reading = _granted("Reporting", scope_ids) if granted else []
        for scope in scope_ids if every else reading:
            store.add_role_scope(role.id, scope_ids[scope])


def _add_people(store: Store, scope_ids: dict[str, str]) -> None:
    roles = {role.key: role.id for role in store.roles()}
    permissions = {permission.key: permission.id for permission in store.permissions()}
    ids = {}
    for first_name, last_name, email, held in USERS:
        user = store.add_user(email=email, first_name=first_name, last_name=last_name)
        ids[email] = user.id
        for code, role in held.items():
            store.add_member(code, user.id)
            store.add_member_role(code, user.id, roles[role])
    email, code, key = DIRECT_PERMISSION
    store.add_member_permission(code, ids[email], permissions[key])
    email, code, key = DIRECT_SCOPE
    if key in scope_ids:
        store.add_member_scope(code, ids[email], scope_ids[key])


def _add_flags(store: Store) -> None:
    for key, (name, value) in FLAGS.items():
        store.add_feature_flag(key, name, value)
    store.set_feature_flag("beta", value=True, org_code=ANALYTICAL)
    ada = store.user_by_email("ada@example.com")
    if ada is not None:
        store.set_feature_flag("theme", "pink", user_id=ada.id)
