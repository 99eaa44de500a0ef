"""kinde-python-sdk: applications, users, roles, organizations and API keys, from first to last.

tenant_api_js.mjs does the same and tells the same. The SDK's models are strict about types, so
that it tells anything at all says that every answer has Kinde's shape.
"""

# What it imports is installed in tests/clients/.venv only.
# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

from typing import Any

from kinde_sdk.management.models import (
    AddRoleScopeRequest,
    CreateApiKeyRequest,
    CreateApplicationRequest,
    CreateOrganizationRequest,
    CreatePermissionRequest,
    CreateRoleRequest,
    CreateUserRequest,
    CreateUserRequestIdentitiesInner,
    CreateUserRequestIdentitiesInnerDetails,
    CreateUserRequestProfile,
    UpdateAPIApplicationsRequest,
    UpdateAPIApplicationsRequestApplicationsInner,
    UpdateApplicationRequest,
    UpdateApplicationTokensRequest,
    UpdateRolePermissionsRequest,
    UpdateRolePermissionsRequestPermissionsInner,
    UpdateUserRequest,
    VerifyApiKeyRequest,
)
from telling import acting_as, given, refusal, tell, token

audience = given["audience"]
kinde = acting_as(given["management"])
api = next(api for api in kinde.apis_api.get_apis(expand="scopes").apis if api.audience == audience)
scope_ids = {scope.key: scope.id for scope in api.scopes}


def permit(client_id: str, key: str) -> None:
    """Let an application ask for the API, with this scope."""
    inner = UpdateAPIApplicationsRequestApplicationsInner(id=client_id)
    request = UpdateAPIApplicationsRequest(applications=[inner])
    kinde.apis_api.update_api_applications(api.id, request)
    kinde.apis_api.add_api_application_scope(api.id, client_id, scope_ids[key])


def applications() -> dict[str, Any]:
    told: dict[str, Any] = {}
    calls = kinde.applications_api
    request = CreateApplicationRequest(name="Nightly job", type="m2m")
    told["created"] = calls.create_application(request)
    created = told["created"].application
    credentials = {"client_id": created.client_id, "client_secret": created.client_secret}
    permit(created.id, "read:users")
    calls.update_application(created.id, UpdateApplicationRequest(name="Nightly jobs"))
    calls.update_application_tokens(
        created.id, UpdateApplicationTokensRequest(access_token_lifetime=600)
    )
    told["read"] = calls.get_application(created.id)
    told["token"] = token(credentials, audience)
    told["pages"] = pages()
    told["deleted"] = calls.delete_application(created.id)
    told["read_after"] = refusal(lambda: calls.get_application(created.id))
    told["token_after"] = token(credentials, audience)
    return told


def pages() -> list[Any]:
    """Return the pages of the list of applications, two by two and by name."""
    found = []
    next_token = None
    while True:
        page = kinde.applications_api.get_applications(
            sort="name_asc", page_size=2, next_token=next_token
        )
        found.append(page.applications)
        next_token = page.next_token
        if not next_token:
            return found


def users() -> dict[str, Any]:
    told: dict[str, Any] = {}
    calls = kinde.users_api
    email = CreateUserRequestIdentitiesInner(
        type="email", details=CreateUserRequestIdentitiesInnerDetails(email="grace@example.com")
    )
    profile = CreateUserRequestProfile(given_name="Grace", family_name="Hopper")
    told["created"] = calls.create_user(CreateUserRequest(profile=profile, identities=[email]))
    user_id = told["created"].id
    told["updated"] = calls.update_user(user_id, UpdateUserRequest(is_suspended=True))
    told["read"] = calls.get_user_data(user_id)
    told["listed"] = calls.get_users(page_size=500)
    told["deleted"] = calls.delete_user(user_id)
    told["read_after"] = refusal(lambda: calls.get_user_data(user_id))
    return told


def roles() -> dict[str, Any]:
    told: dict[str, Any] = {}
    calls = kinde.roles_api
    request = CreatePermissionRequest(key="see:reports", name="See reports")
    told["permission_created"] = kinde.permissions_api.create_permission(request)
    permissions = kinde.permissions_api.get_permissions(page_size=500).permissions
    permission_id = next(found.id for found in permissions if found.key == "see:reports")
    told["created"] = calls.create_role(CreateRoleRequest(key="auditor", name="Auditor"))
    role_id = told["created"].role.id
    told["scope_added"] = calls.add_role_scope(
        role_id, AddRoleScopeRequest(scope_id=scope_ids["read:users"])
    )
    told["scopes"] = calls.get_role_scopes(role_id)
    inner = UpdateRolePermissionsRequestPermissionsInner(id=permission_id)
    told["permissions_updated"] = calls.update_role_permissions(
        role_id, UpdateRolePermissionsRequest(permissions=[inner])
    )
    told["permissions"] = calls.get_role_permissions(role_id)
    told["read"] = calls.get_role(role_id)
    told["listed"] = calls.get_roles(page_size=500)
    told["scope_deleted"] = calls.delete_role_scope(role_id, scope_ids["read:users"])
    told["scopes_after"] = calls.get_role_scopes(role_id)
    told["deleted"] = calls.delete_role(role_id)
    told["read_after"] = refusal(lambda: calls.get_role(role_id))
    kinde.permissions_api.delete_permission(permission_id)
    return told


def organizations() -> dict[str, Any]:
    told: dict[str, Any] = {}
    calls = kinde.organizations_api
    told["created"] = calls.create_organization(CreateOrganizationRequest(name="Wayne Ltd"))
    code = told["created"].organization.code
    told["read"] = calls.get_organization(code)
    told["listed"] = calls.get_organizations(page_size=500)

    told["not_implemented"] = refusal(lambda: calls.get_organization_property_values(code))

    request = CreateApplicationRequest(name="Wayne's job", type="m2m", org_code=code)
    theirs = kinde.applications_api.create_application(request).application
    permit(theirs.id, "read:users")
    credentials = {"client_id": theirs.client_id, "client_secret": theirs.client_secret}
    told["token"] = token(credentials, audience)
    kinde.applications_api.delete_application(theirs.id)
    told["deleted"] = calls.delete_organization(code)
    told["read_after"] = refusal(lambda: calls.get_organization(code))
    return told


def api_keys() -> dict[str, Any]:
    told: dict[str, Any] = {}
    calls = kinde.api_keys_api

    def verdict(key: str) -> Any:
        return calls.verify_api_key(VerifyApiKeyRequest(api_key=key))

    told["created"] = calls.create_api_key(
        CreateApiKeyRequest(
            name="Deployments",
            type="environment",
            api_id=api.id,
            scope_ids=[scope_ids["read:users"]],
        )
    )
    key_id, first = told["created"].api_key.id, told["created"].api_key.key
    told["verified"] = verdict(first)
    told["read"] = calls.get_api_key(key_id)
    told["listed"] = calls.get_api_keys()
    told["rotated"] = calls.rotate_api_key(key_id)
    told["old_key_verified"] = verdict(first)
    told["new_key_verified"] = verdict(told["rotated"].api_key.key)
    told["deleted"] = calls.delete_api_key(key_id)
    told["read_after"] = refusal(lambda: calls.get_api_key(key_id))
    return told


if __name__ == "__main__":
    chapters = (applications, users, roles, organizations, api_keys)
    tell({chapter.__name__: chapter() for chapter in chapters})
