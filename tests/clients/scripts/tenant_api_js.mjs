// @kinde/management-api-js: applications, users, roles, organizations and API keys, from first to
// last. tenant_python_sdk.py does the same and tells the same.
import {
  ApiKeys,
  Apis,
  Applications,
  Organizations,
  Permissions,
  Roles,
  Users,
} from "@kinde/management-api-js";
import { act_as } from "./acting.mjs";
import { token } from "./asking.mjs";
import { given, refusal, tell } from "./telling.mjs";

const { issuer, management, audience } = given;

act_as(management);
const { apis } = await Apis.getApis({ expand: "scopes" });
const { id: apiId, scopes } = apis.find((api) => api.audience === audience);
const scopeIds = Object.fromEntries(scopes.map(({ id, key }) => [key, id]));

/** Let an application ask for the API, with this scope. */
async function permit(applicationId, key) {
  const requestBody = { applications: [{ id: applicationId }] };
  await Apis.updateApiApplications({ apiId, requestBody });
  await Apis.addApiApplicationScope({ apiId, applicationId, scopeId: scopeIds[key] });
}

async function applications() {
  const told = {};
  told.created = await Applications.createApplication({
    requestBody: { name: "Nightly job", type: "m2m" },
  });
  const { id: applicationId, ...credentials } = told.created.application;
  await permit(applicationId, "read:users");
  await Applications.updateApplication({ applicationId, requestBody: { name: "Nightly jobs" } });
  await Applications.updateApplicationTokens({
    applicationId,
    requestBody: { access_token_lifetime: 600 },
  });
  told.read = await Applications.getApplication({ applicationId });
  told.token = await token(issuer, credentials, audience);
  told.pages = await pages();
  told.deleted = await Applications.deleteApplication({ applicationId });
  told.read_after = await refusal(() => Applications.getApplication({ applicationId }));
  told.token_after = await token(issuer, credentials, audience);
  return told;
}

/** Return the pages of the list of applications, two by two and by name. */
async function pages() {
  const found = [];
  let nextToken;
  do {
    const page = await Applications.getApplications({ sort: "name_asc", pageSize: 2, nextToken });
    found.push(page.applications);
    nextToken = page.next_token;
  } while (nextToken);
  return found;
}

async function users() {
  const told = {};
  told.created = await Users.createUser({
    requestBody: {
      profile: { given_name: "Grace", family_name: "Hopper" },
      identities: [{ type: "email", details: { email: "grace@example.com" } }],
    },
  });
  const { id } = told.created;
  told.updated = await Users.updateUser({ id, requestBody: { is_suspended: true } });
  told.read = await Users.getUserData({ id });
  told.listed = await Users.getUsers({ pageSize: 500 });
  told.deleted = await Users.deleteUser({ id });
  told.read_after = await refusal(() => Users.getUserData({ id }));
  return told;
}

async function roles() {
  const told = {};
  told.permission_created = await Permissions.createPermission({
    requestBody: { key: "see:reports", name: "See reports" },
  });
  const { permissions } = await Permissions.getPermissions({ pageSize: 500 });
  const permissionId = permissions.find(({ key }) => key === "see:reports").id;
  told.created = await Roles.createRole({ requestBody: { key: "auditor", name: "Auditor" } });
  const roleId = told.created.role.id;
  const scopeId = scopeIds["read:users"];
  told.scope_added = await Roles.addRoleScope({ roleId, requestBody: { scope_id: scopeId } });
  told.scopes = await Roles.getRoleScopes({ roleId });
  told.permissions_updated = await Roles.updateRolePermissions({
    roleId,
    requestBody: { permissions: [{ id: permissionId }] },
  });
  told.permissions = await Roles.getRolePermissions({ roleId });
  told.read = await Roles.getRole({ roleId });
  told.listed = await Roles.getRoles({ pageSize: 500 });
  told.scope_deleted = await Roles.deleteRoleScope({ roleId, scopeId });
  told.scopes_after = await Roles.getRoleScopes({ roleId });
  told.deleted = await Roles.deleteRole({ roleId });
  told.read_after = await refusal(() => Roles.getRole({ roleId }));
  await Permissions.deletePermission({ permissionId });
  return told;
}

async function organizations() {
  const told = {};
  told.created = await Organizations.createOrganization({ requestBody: { name: "Wayne Ltd" } });
  const { code } = told.created.organization;
  told.read = await Organizations.getOrganization({ code });
  told.listed = await Organizations.getOrganizations({ pageSize: 500 });

  told.not_implemented = await refusal(() =>
    Organizations.getOrganizationPropertyValues({ orgCode: code }),
  );

  const { application } = await Applications.createApplication({
    requestBody: { name: "Wayne's job", type: "m2m", org_code: code },
  });
  await permit(application.id, "read:users");
  told.token = await token(issuer, application, audience);
  await Applications.deleteApplication({ applicationId: application.id });
  told.deleted = await Organizations.deleteOrganization({ orgCode: code });
  told.read_after = await refusal(() => Organizations.getOrganization({ code }));
  return told;
}

async function api_keys() {
  const told = {};
  const verdict = (key) => ApiKeys.verifyApiKey({ requestBody: { api_key: key } });
  told.created = await ApiKeys.createApiKey({
    requestBody: {
      name: "Deployments",
      type: "environment",
      api_id: apiId,
      scope_ids: [scopeIds["read:users"]],
    },
  });
  const { id: keyId, key: first } = told.created.api_key;
  told.verified = await verdict(first);
  told.read = await ApiKeys.getApiKey({ keyId });
  told.listed = await ApiKeys.getApiKeys();
  told.rotated = await ApiKeys.rotateApiKey({ keyId });
  told.old_key_verified = await verdict(first);
  told.new_key_verified = await verdict(told.rotated.api_key.key);
  told.deleted = await ApiKeys.deleteApiKey({ keyId });
  told.read_after = await refusal(() => ApiKeys.getApiKey({ keyId }));
  return told;
}

const told = {};
for (const chapter of [applications, users, roles, organizations, api_keys]) {
  told[chapter.name] = await chapter();
}
tell(told);
