// @kinde-oss/kinde-node-express: an Express API behind jwtVerify, asked with every token given.
import { createRequire } from "node:module";
import { jwtVerify } from "@kinde-oss/kinde-node-express";
import { given, tell } from "./telling.mjs";

// Express is a dependency of the package, not of ours.
const require = createRequire(createRequire(import.meta.url).resolve("@kinde-oss/kinde-node-express"));
const express = require("express");

const { issuer, audience, tokens } = given;

const api = express();
api.use(jwtVerify(issuer, { audience }));
api.get("/", (request, response) => response.json({ user: request.user ?? null }));

const server = api.listen(0, "127.0.0.1");
await new Promise((listening) => server.once("listening", listening));
const url = `http://127.0.0.1:${server.address().port}/`;

const statuses = {};
for (const [name, token] of Object.entries(tokens)) {
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  statuses[name] = (await fetch(url, { headers })).status;
}
server.closeAllConnections();
server.close();

tell(statuses);
