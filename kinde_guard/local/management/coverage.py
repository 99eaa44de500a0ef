"""Which operations of Kinde's Management API local Kinde has; every other one answers 501."""

from __future__ import annotations

from typing import Final

from kinde_guard.local.management.scope_policy import Endpoint, endpoints

IMPLEMENTED: Final = frozenset(
    {
        "getAPIs",
        "addAPIs",
        "getAPI",
        "deleteAPI",
        "updateAPIApplications",
        "getAPIScopes",
        "addAPIScope",
        "getAPIScope",
        "updateAPIScope",
        "deleteAPIScope",
        "addAPIApplicationScope",
        "deleteAPIApplicationScope",
        "getApplications",
        "createApplication",
        "getApplication",
        "updateApplication",
        "deleteApplication",
        "updateApplicationTokens",
        "getOrganization",
        "createOrganization",
        "getOrganizations",
        "updateOrganization",
        "deleteOrganization",
        "getUsers",
        "getUserData",
        "createUser",
        "updateUser",
        "deleteUser",
        "GetRoles",
        "CreateRole",
        "GetRole",
        "UpdateRoles",
        "DeleteRole",
        "GetRoleScopes",
        "AddRoleScope",
        "DeleteRoleScope",
        "GetRolePermissions",
        "UpdateRolePermissions",
        "RemoveRolePermission",
        "GetPermissions",
        "CreatePermission",
        "UpdatePermissions",
        "DeletePermission",
        "getApiKeys",
        "createApiKey",
        "getApiKey",
        "deleteApiKey",
        "rotateApiKey",
        "verifyApiKey",
        "GetWebHooks",
        "CreateWebHook",
        "UpdateWebHook",
        "DeleteWebHook",
        "GetEventTypes",
        "GetEvent",
    }
)
"""By Kinde's operation ids."""


def implemented() -> tuple[Endpoint, ...]:
    """Return the operations that do something here.

    Example:
        >>> implemented()[0].operation_id
        'getApiKeys'
    """
    return tuple(row for row in endpoints() if row.operation_id in IMPLEMENTED)


def not_implemented() -> tuple[Endpoint, ...]:
    """Return the operations that answer 501.

    Example:
        >>> "GetConnections" in [row.operation_id for row in not_implemented()]
        True
    """
    return tuple(row for row in endpoints() if row.operation_id not in IMPLEMENTED)
