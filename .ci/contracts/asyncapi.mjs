// Parses an AsyncAPI document and fails on whatever the parser finds wrong with it: `node asyncapi.mjs FILE`.

import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

// The contract is written for 3.0, which more tools read than the newest version.
const IGNORED = ["asyncapi-latest-version"];

const [path] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(await readFile(path, "utf8"), { source: path });
const faults = diagnostics.filter((diagnostic) => !IGNORED.includes(diagnostic.code));
for (const { code, message, path: place, range } of faults) {
  console.error(`${path}:${range.start.line + 1}: ${message} (${code}, at ${place.join(".")})`);
}
if (faults.length > 0 || document === undefined) {
  process.exitCode = 1;
} else {
  console.log(`${path}: ${document.operations().length} operations, ${document.allMessages().length} messages, no faults`);
}
