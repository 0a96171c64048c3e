// Writes third_parties.json: whose host is whose, out of third-party-web. `npm run owners`.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const source = dirname(dirname(createRequire(import.meta.url).resolve("third-party-web")));
const read = (name) => readFileSync(join(source, name), "utf8");
const entities = JSON.parse(read("dist/entities-nostats.json"))
  .map(({ name, company = name, category, homepage = "", domains }) => [
    name, company, category, homepage, domains.map((domain) => domain.toLowerCase()).sort(),
  ])
  .sort(([one], [other]) => (one < other ? -1 : 1));

const text = (value) => JSON.stringify(value);
writeFileSync(
  new URL("third_parties.json", import.meta.url),
  [
    "{",
    `"source": ${text("https://github.com/patrickhulce/third-party-web")},`,
    `"version": ${text(JSON.parse(read("package.json")).version)},`,
    `"licence": ${text(read("LICENSE").trim())},`,
    `"columns": ["name", "company", "category", "homepage", "domains"],`,
    `"entities": [`,
    entities.map(text).join(",\n"),
    "]\n}\n",
  ].join("\n"),
);
