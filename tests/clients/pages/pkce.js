// A front end without a framework, on kinde-auth-pkce-js.
import createKindeClient from "@kinde-oss/kinde-auth-pkce-js";
import { call, settings } from "./settings.js";

const show = (text) => {
  document.getElementById("told").textContent = text;
};
const onClick = (name, act) => {
  const button = document.createElement("button");
  button.textContent = name;
  button.addEventListener("click", () => act().catch((error) => show(`failed: ${error}`)));
  document.body.append(button);
};

const kinde = await createKindeClient({
  client_id: settings.client_id,
  domain: settings.issuer,
  audience: settings.audience,
  redirect_uri: location.origin,
  logout_uri: location.origin,
  is_dangerously_use_local_storage: true,
  on_redirect_callback: () => {},
});

const refresh = async () => {
  await kinde.getToken({ isForceRefresh: true });
  show("refreshed");
};
onClick("Sign in", () => kinde.login());
onClick("Call", async () => show(await call(await kinde.getToken())));
onClick("Refresh", refresh);
onClick("Sign out", () => kinde.logout());
const user = (await kinde.isAuthenticated()) ? kinde.getUser() : undefined;
document.getElementById("who").textContent = user ? user.email : "nobody";
