// @kinde/management-api-js: an administrator's work on an API and on who may call it.
// management_python_sdk.py does the same and tells the same.
import { Apis, getToken } from "@kinde/management-api-js";
import { act_as } from "./acting.mjs";
import { token } from "./asking.mjs";
import { given, refusal, tell } from "./telling.mjs";

const { issuer, management, caller, wrong_secret, audience } = given;

async function work() {
  const told = {};
  told.apis_before = await Apis.getApis();

  const { api } = (told.api_added = await Apis.addApis({
    requestBody: { name: "Orders API", audience },
  }));
  const apiId = api.id;
  const scopeIds = {};
  for (const key of ["read:orders", "create:orders", "delete:orders"]) {
    const requestBody = { key, description: `May ${key}` };
    scopeIds[key] = (await Apis.addApiScope({ apiId, requestBody })).scope.id;
  }
  const scopeId = scopeIds["read:orders"];
  await Apis.updateApiScope({ apiId, scopeId, requestBody: { description: "See orders" } });
  await Apis.deleteApiScope({ apiId, scopeId: scopeIds["delete:orders"] });
  told.scopes = await Apis.getApiScopes({ apiId });
  told.scope = await Apis.getApiScope({ apiId, scopeId });
  told.apis_with_scopes = await Apis.getApis({ expand: "scopes" });

  const applicationId = caller.client_id;
  const tokens = (told.tokens = {});
  tokens.before = await token(issuer, caller, audience);
  const connect = { applications: [{ id: applicationId }] };
  told.connected = await Apis.updateApiApplications({ apiId, requestBody: connect });
  told.api = await Apis.getApi({ apiId });
  tokens.authorised = await token(issuer, caller, audience);
  await Apis.addApiApplicationScope({ apiId, applicationId, scopeId });
  tokens.granted = await token(issuer, caller, audience);
  await Apis.deleteApiApplicationScope({ apiId, applicationId, scopeId });
  tokens.revoked = await token(issuer, caller, audience);
  const disconnect = { applications: [{ id: applicationId, operation: "delete" }] };
  told.disconnected = await Apis.updateApiApplications({ apiId, requestBody: disconnect });
  tokens.deauthorised = await token(issuer, caller, audience);

  told.refusals = await refusals(apiId);
  told.api_deleted = await Apis.deleteApi({ apiId });
  told.apis_after = await Apis.getApis();
  return told;
}

async function refusals(apiId) {
  const applicationId = caller.client_id;
  const unknown = "0".repeat(32);
  const scopeId = `api_scope_${unknown}`;
  return {
    unknown_api: await refusal(() => Apis.getApi({ apiId: unknown })),
    unknown_api_deleted: await refusal(() => Apis.deleteApi({ apiId: unknown })),
    unknown_scope: await refusal(() => Apis.getApiScope({ apiId, scopeId })),
    unknown_scope_granted: await refusal(() =>
      Apis.addApiApplicationScope({ apiId, applicationId, scopeId }),
    ),
    audience_taken: await refusal(() =>
      Apis.addApis({ requestBody: { name: "Again", audience } }),
    ),
    scope_taken: await refusal(() =>
      Apis.addApiScope({ apiId, requestBody: { key: "read:orders" } }),
    ),
    scope_with_a_space: await refusal(() =>
      Apis.addApiScope({ apiId, requestBody: { key: "read orders" } }),
    ),
  };
}

/** The caller gets at the Management API itself, one scope at a time. */
async function delegation() {
  const told = {};
  const applicationId = caller.client_id;
  const { apis } = await Apis.getApis({ expand: "scopes" });
  const { id: apiId, scopes } = apis.find((api) => api.is_management_api);
  const ids = Object.fromEntries(scopes.map(({ id, key }) => [key, id]));
  const named = (key) => ({ apiId, applicationId, scopeId: ids[key] });
  const create = () =>
    Apis.addApis({ requestBody: { name: "By the caller", audience: "https://by.the.caller" } });

  const requestBody = { applications: [{ id: applicationId }] };
  await Apis.updateApiApplications({ apiId, requestBody });
  await Apis.addApiApplicationScope(named("read:apis"));

  act_as(caller);
  told.may_read = await Apis.getApis();
  told.may_not_create = await refusal(create);

  act_as(management);
  await Apis.addApiApplicationScope(named("create:apis"));
  await Apis.deleteApiApplicationScope(named("read:apis"));

  act_as(caller);
  told.may_create = await create();
  told.may_not_read = await refusal(() => Apis.getApis());
  told.token = await getToken();
  return told;
}

act_as(management);
const told = { work: await work(), delegation: await delegation() };
act_as({ ...management, client_secret: wrong_secret });
told.wrong_secret = await refusal(() => Apis.getApis());
tell(told);
