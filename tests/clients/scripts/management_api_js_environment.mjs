// @kinde/management-api-js, set up by environment variables alone; its token is verified by itself.
import { Apis, getToken, init, validateToken } from "@kinde/management-api-js";
import { given, tell } from "./telling.mjs";

init();
const { apis } = await Apis.getApis();
const token = await getToken();

tell({
  audiences: apis.map((api) => api.audience),
  is_valid: await validateToken(token, `${given.issuer}/api`),
  is_valid_for_another_audience: await validateToken(token, "https://another.example"),
});
