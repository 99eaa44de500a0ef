"""The state of a local tenant, in SQLite: in memory, or in a file that outlives the process.

Applications, APIs and their scopes, which application may ask for which API, and which of that
API's scopes it was granted; organizations, users, roles, feature flags and API keys; besides, what
sign-ins gave, the signing keys and the tokens that were revoked. Every rule that rows must keep
stands in the schema.

Calls block for the time of a few small indexed queries. They are safe from any thread: one
connection, behind one lock. Asynchronous code calls them in a worker thread. Each call is one
transaction; several become one inside ``with store.transaction()``.
"""

from __future__ import annotations

from kinde_guard.local.store.api_keys import ApiKey, ApiKeys, KeyStatus, KeyType
from kinde_guard.local.store.apis import Api, Apis, ApiScope
from kinde_guard.local.store.applications import (
    Access,
    Application,
    ApplicationType,
    TokenCustomization,
)
from kinde_guard.local.store.errors import (
    AlreadyThere,
    NotAllowed,
    NotThere,
    RowRefused,
    StoreError,
)
from kinde_guard.local.store.feature_flags import (
    FeatureFlag,
    FeatureFlags,
    FlagType,
    FlagValue,
)
from kinde_guard.local.store.grants import Grants
from kinde_guard.local.store.member_rights import MemberRights
from kinde_guard.local.store.organizations import Organization, Organizations
from kinde_guard.local.store.roles import Permission, Role
from kinde_guard.local.store.sign_ins import AuthorizationCode, RefreshToken, SignIn, SignIns
from kinde_guard.local.store.users import User, Users

__all__ = [
    "Access",
    "AlreadyThere",
    "Api",
    "ApiKey",
    "ApiScope",
    "Application",
    "ApplicationType",
    "AuthorizationCode",
    "FeatureFlag",
    "FlagType",
    "FlagValue",
    "KeyStatus",
    "KeyType",
    "NotAllowed",
    "NotThere",
    "Organization",
    "Permission",
    "RefreshToken",
    "Role",
    "RowRefused",
    "SignIn",
    "Store",
    "StoreError",
    "TokenCustomization",
    "User",
]


class Store(
    Grants,
    Apis,
    Organizations,
    Users,
    MemberRights,
    FeatureFlags,
    ApiKeys,
    SignIns,
):
    """A tenant's rows. ``Store()`` lives in memory; ``Store("kinde.db")`` in a file.

    Args:
        database: ":memory:", or a file; it is made if there is none.
        management_audiences: what the Management API is called at this address, the right name
            first, then those that count as the same.

    Raises:
        StoreError: the file cannot be opened, or is not one of local Kinde's.

    Example:
        >>> with Store() as store:
        ...     store.add_application("Nightly job").name
        'Nightly job'
    """
