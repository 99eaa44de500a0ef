// What every script here has in common: it is given one JSON document on standard input, and tells
// one on standard output.
import { readFileSync } from "node:fs";

export const given = JSON.parse(readFileSync(0, "utf8"));

export function tell(document) {
  process.stdout.write(`${JSON.stringify(document)}\n`);
}

/** Return what a call was refused with; a call that is not refused is an error of its own. */
export async function refusal(call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    return { name: error.name, message: error.message, status: error.status, body: error.body };
  }
  throw new Error(`not refused: ${JSON.stringify(answer)}`);
}
