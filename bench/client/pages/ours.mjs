// The product as a site includes it: one script in <head>, each tag in a <template>.
import { GATED, shell } from "./common.mjs";

/** What a site adds for visitors without JavaScript. */
const withoutScript = (service) => `<noscript>
<link rel="stylesheet" href="${service}/first-layer/bench.css">
<iframe class="cm-first-layer" src="${service}/first-layer/bench/" title="Privacy choices"
  referrerpolicy="no-referrer-when-downgrade"></iframe>
</noscript>`;

/** The page around `script`, the markup that loads the product's one script. */
export const page = ({ title, script, service }) => ({
  html: shell({
    title,
    head: script,
    body: withoutScript(service) + GATED.map(gated).join(""),
  }),
});

const gated = (tag) =>
  `<template data-cm-tag="${tag.id}"><script src="${tag.src}"></script></template>`;

export default ({ service }) =>
  page({ title: "ours", script: `<script src="${service}/b/bench.js"></script>`, service });
