// Documented set-up: inline orejimeConfig, standard theme's script and stylesheet, templates with
// data-purpose; purposes grouped.
import { shell, PURPOSES, GATED, TEXT, js, byPurpose } from "./common.mjs";
const config = {
  privacyPolicyUrl: "/#privacy",
  purposes: PURPOSES.map((p) => ({
    id: p.id,
    title: p.title,
    description: p.desc,
    purposes: byPurpose(p.id).map((s) => ({
      id: s.id,
      title: s.title,
      cookies: [],
      ...(p.required ? { isMandatory: true } : {}),
    })),
  })),
  translations: { banner: { accept: TEXT.accept, decline: TEXT.reject, configure: TEXT.prefs } },
};
export default () => ({
  html: shell({
    title: "orejime",
    head: `<script>window.orejimeConfig=${js(config)};</script><script src="/nm/orejime/dist/orejime-standard-en.js"></script><link rel="stylesheet" href="/nm/orejime/dist/orejime-standard.css">`,
    body: GATED.map(
      (s) => `<template data-purpose="${s.id}"><script src="${s.src}"></script></template>`,
    ).join(""),
  }),
});
