// Documented JS set-up (npm part imported into an own bundle, minified by esbuild): <template> bar, JSON groups, ES module, status endpoint (stubbed here: static JSON from memory, faster than the real view),
// templates of scripts added in onAccept. No dialog in this peer: preferences are a separate page.
import { build } from "esbuild";
import { shell, PURPOSES, GATED, TEXT, js } from "./common.mjs";
const groups = PURPOSES.filter((p) => !p.required).map((p) => ({
  varname: p.id,
  name: p.title,
  description: p.desc,
  is_required: false,
}));
const names = groups.map((g) => g.varname);
const code = `import {showCookieBar} from 'django-cookie-consent';
showCookieBar({statusUrl:'/api/django-cookie-consent/status/',templateSelector:'#cookie-consent__cookie-bar',cookieGroupsSelector:'#cookie-consent__cookie-groups',
onShow:()=>document.body.classList.add('with-cookie-bar'),onDecline:()=>document.body.classList.remove('with-cookie-bar'),
onAccept:(groups)=>{document.body.classList.remove('with-cookie-bar');for(const g of groups)for(const t of document.querySelectorAll('template[data-group="'+g.varname+'"]'))document.body.appendChild(t.content.cloneNode(true))}});`;
const status = (cookie) => {
  const v = /(?:^|; )cookie_consent=([^;]*)/.exec(cookie || "")?.[1];
  return {
    csrftoken: "x",
    acceptUrl: "/api/django-cookie-consent/accept/",
    declineUrl: "/api/django-cookie-consent/decline/",
    acceptedCookieGroups: v === "accept" ? names : [],
    declinedCookieGroups: v === "decline" ? names : [],
    notAcceptedOrDeclinedCookieGroups: v ? [] : names,
  };
};
const bundle = async () =>
  (
    await build({
      stdin: { contents: code, resolveDir: import.meta.dirname },
      bundle: true,
      minify: true,
      format: "esm",
      write: false,
      target: "es2022",
    })
  ).outputFiles[0].text;
export default async () => ({
  files: { "app.js": await bundle() },
  html: shell({
    title: "django-cookie-consent",
    head: "<style>.cookie-bar{position:fixed;left:0;right:0;bottom:0;background:#fff;border-top:1px solid #555;padding:1rem}</style>",
    body: `${GATED.map((s) => `<template data-group="${s.purpose}"><script src="${s.src}"></script></template>`).join("")}
<template id="cookie-consent__cookie-bar"><div class="cookie-bar">${TEXT.body} <button type="button" class="cookie-consent__accept">${TEXT.accept}</button> <button type="button" class="cookie-consent__decline">${TEXT.reject}</button> <a href="/p/bare/">Cookies info</a></div></template>
<script type="application/json" id="cookie-consent__cookie-groups">${js(groups)}</script><script type="module" src="/gen/django-cookie-consent/app.js"></script>`,
  }),
  api: (req, path) => {
    if (path === "/api/django-cookie-consent/status/")
      return { type: "application/json", body: js(status(req.headers.cookie)) };
    if (/\/(accept|decline)\/$/.test(path))
      return {
        type: "text/html",
        body: "",
        headers: {
          "Set-Cookie": `cookie_consent=${path.includes("accept") ? "accept" : "decline"}; Path=/; Max-Age=31536000`,
        },
      };
  },
});
