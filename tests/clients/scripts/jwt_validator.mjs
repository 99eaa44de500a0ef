// @kinde/jwt-validator and @kinde/webhooks: what each says of every token that it is given.
import { validateToken } from "@kinde/jwt-validator";
import { decodeWebhook } from "@kinde/webhooks";
import { given, tell } from "./telling.mjs";

const { issuer, tokens, webhooks } = given;

const validated = {};
for (const [name, token] of Object.entries(tokens)) {
  validated[name] = await validateToken({ token, domain: issuer });
}

const decoded = {};
for (const [name, token] of Object.entries(webhooks)) {
  decoded[name] = await decodeWebhook(token, issuer);
}

tell({ validated, decoded });
