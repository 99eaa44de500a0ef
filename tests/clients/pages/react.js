// A front end on kinde-auth-react.
import { KindeProvider, useKindeAuth } from "@kinde-oss/kinde-auth-react";
import { createElement as element, useState } from "react";
import { createRoot } from "react-dom/client";
import { call, settings } from "./settings.js";

const Page = () => {
  const kinde = useKindeAuth();
  const [told, tell] = useState("");
  const button = (name, act) =>
    element(
      "button",
      { onClick: () => act().catch((error) => tell(`failed: ${error}`)) },
      name,
    );
  const refresh = async () => {
    const { success } = await kinde.refreshToken({ domain: settings.issuer, clientId: settings.client_id });
    tell(success ? "refreshed" : "failed");
  };
  const who = kinde.isLoading ? "loading" : kinde.isAuthenticated ? kinde.user.email : "nobody";
  return element(
    "main",
    null,
    element("p", { id: "who" }, who),
    element("p", { id: "told" }, told),
    button("Sign in", () => kinde.login()),
    button("Call", async () => tell(await call(await kinde.getAccessToken()))),
    button("Refresh", refresh),
    button("Sign out", () => kinde.logout()),
  );
};

createRoot(document.getElementById("root")).render(
  element(
    KindeProvider,
    {
      clientId: settings.client_id,
      domain: settings.issuer,
      audience: settings.audience,
      redirectUri: location.origin,
      logoutUri: location.origin,
      useInsecureForRefreshToken: true,
    },
    element(Page),
  ),
);
