// The product with the text of its script put into the page by the site's server.
import { page } from "./ours.mjs";
import { js } from "./common.mjs";

export default async ({ service }) => {
  const answer = await fetch(`${service}/b/bench.js`);
  if (!answer.ok) throw new Error(`${service}/b/bench.js: ${answer.status}`);
  const text = await answer.text();
  // An inline script has no address of its own from which it could tell where the service is, so
  // the harness writes the address into the configuration.
  const unnamed = '"endpoint":""';
  if (!text.includes(unnamed)) throw new Error(`the script's configuration has no ${unnamed}`);
  const named = text.replace(unnamed, () => `"endpoint":${js(service)}`);
  if (/<\/script|<!--/i.test(named)) throw new Error("the script's text would end its element");
  return page({ title: "ours-inline", script: `<script>${named}</script>`, service });
};
