// An application that uses the Management API with @kinde/management-api-js.
import { init, setToken } from "@kinde/management-api-js";
import { given } from "./telling.mjs";

/** From now on, call as this application, with a token of its own. */
export function act_as({ client_id, client_secret }) {
  init({ kindeDomain: given.issuer, clientId: client_id, clientSecret: client_secret });
  setToken("");
}
