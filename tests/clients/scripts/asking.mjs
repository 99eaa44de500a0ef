// A machine application that asks for its tokens with @kinde-oss/kinde-typescript-sdk.
import { createKindeServerClient, GrantType } from "@kinde-oss/kinde-typescript-sdk";

class Session {
  items = new Map();
  async getSessionItem(key) {
    return this.items.get(key);
  }
  async setSessionItem(key, value) {
    this.items.set(key, value);
  }
  async removeSessionItem(key) {
    this.items.delete(key);
  }
  async destroySession() {
    this.items.clear();
  }
}

/** Return a function that gives the application's token: from its session, while it holds. */
export function application(issuer, { client_id, client_secret }, asked) {
  const session = new Session();
  const client = createKindeServerClient(GrantType.CLIENT_CREDENTIALS, {
    authDomain: issuer,
    clientId: client_id,
    clientSecret: client_secret,
    logoutRedirectURL: issuer,
    ...asked,
  });
  return () => client.getToken(session);
}

/** Return a token for an API with all that was granted, or what it is refused with. */
export async function token(issuer, credentials, audience) {
  try {
    return await application(issuer, credentials, { audience })();
  } catch (error) {
    return { refused: error.message };
  }
}
