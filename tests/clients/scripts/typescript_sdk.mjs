// @kinde-oss/kinde-typescript-sdk: tokens with all scopes, with a subset, for several APIs; refusals.
import { application } from "./asking.mjs";
import { given, refusal, tell } from "./telling.mjs";

const { issuer, credentials, wrong_secret, asked, refused } = given;

const tokens = {};
for (const [name, what] of Object.entries(asked)) {
  tokens[name] = await application(issuer, credentials, what)();
}

const token = application(issuer, credentials, asked.all);
const twice = [await token(), await token()];

const refusals = {};
for (const [name, what] of Object.entries(refused)) {
  refusals[name] = (await refusal(application(issuer, credentials, what))).message;
}
const impostor = { ...credentials, client_secret: wrong_secret };
refusals.wrong_secret = (await refusal(application(issuer, impostor, asked.all))).message;

tell({ tokens, twice, refusals });
