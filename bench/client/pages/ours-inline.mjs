// The product with the text of its script put into the page by the site's server.
import { page } from "./ours.mjs";

export default async ({ service }) => {
  const answer = await fetch(`${service}/b/bench.js?inline=1`);
  if (!answer.ok) throw new Error(`${service}/b/bench.js: ${answer.status}`);
  const text = await answer.text();
  if (/<\/script|<!--/i.test(text)) throw new Error("the script's text would end its element");
  return page({ title: "ours-inline", script: `<script>${text}</script>`, service });
};
