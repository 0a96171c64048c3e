// Documented JS set-up, the npm part in a bundle of its own: <template> bar, JSON groups, ES module,
// templates of scripts added in onAccept. The status endpoint is a stub that answers from memory,
// faster than the real view. No dialog in this peer: preferences are a separate page.
import { build } from "esbuild";
import { shell, PURPOSES, GATED, TEXT, js } from "./common.mjs";

const API = "/api/django-cookie-consent";

const groups = PURPOSES.filter((p) => !p.required).map((p) => ({
  varname: p.id,
  name: p.title,
  description: p.desc,
  is_required: false,
}));
const names = groups.map((g) => g.varname);

const entry = `
import { showCookieBar } from 'django-cookie-consent';
const mark = (isShown) => document.body.classList[isShown ? 'add' : 'remove']('with-cookie-bar');
showCookieBar({
  statusUrl: '${API}/status/',
  templateSelector: '#cookie-consent__cookie-bar',
  cookieGroupsSelector: '#cookie-consent__cookie-groups',
  onShow: () => mark(true),
  onDecline: () => mark(false),
  onAccept: (groups) => {
    mark(false);
    for (const group of groups) {
      const selector = 'template[data-group="' + group.varname + '"]';
      for (const template of document.querySelectorAll(selector))
        document.body.appendChild(template.content.cloneNode(true));
    }
  },
});`;

async function bundle() {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    target: "es2022",
  });
  return outputFiles[0].text;
}

function status(cookies) {
  const answer = /(?:^|; )cookie_consent=([^;]*)/.exec(cookies ?? "")?.[1];
  return {
    csrftoken: "x",
    acceptUrl: `${API}/accept/`,
    declineUrl: `${API}/decline/`,
    acceptedCookieGroups: answer === "accept" ? names : [],
    declinedCookieGroups: answer === "decline" ? names : [],
    notAcceptedOrDeclinedCookieGroups: answer ? [] : names,
  };
}

function api(request, path) {
  if (path === `${API}/status/`) {
    return { type: "application/json", body: js(status(request.headers.cookie)) };
  }
  const answer = /\/(accept|decline)\/$/.exec(path)?.[1];
  if (!answer) return null;
  const cookie = `cookie_consent=${answer}; Path=/; Max-Age=31536000`;
  return { type: "text/html", body: "", headers: { "Set-Cookie": cookie } };
}

const tag = (s) =>
  `<template data-group="${s.purpose}"><script src="${s.src}"></script></template>`;
const style =
  ".cookie-bar{position:fixed;left:0;right:0;bottom:0;background:#fff;border-top:1px solid #555;padding:1rem}";
const bar = [
  `<div class="cookie-bar">${TEXT.body}`,
  `<button type="button" class="cookie-consent__accept">${TEXT.accept}</button>`,
  `<button type="button" class="cookie-consent__decline">${TEXT.reject}</button>`,
  '<a href="/p/bare/">Cookies info</a></div>',
].join(" ");

export default async () => ({
  api,
  files: { "app.js": await bundle() },
  html: shell({
    title: "django-cookie-consent",
    head: `<style>${style}</style>`,
    body: [
      GATED.map(tag).join(""),
      `<template id="cookie-consent__cookie-bar">${bar}</template>`,
      `<script type="application/json" id="cookie-consent__cookie-groups">${js(groups)}</script>` +
        '<script type="module" src="/gen/django-cookie-consent/app.js"></script>',
    ].join("\n"),
  }),
});
