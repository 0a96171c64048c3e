// Documented set-up: deferred config.js, then deferred klaro.js (CSS and translations inside).
import { shell, PURPOSES, SERVICES, GATED, TEXT, js } from "./common.mjs";
const config = {
  version: 1,
  elementID: "klaro",
  acceptAll: true,
  groupByPurpose: true,
  storageMethod: "cookie",
  lang: "en",
  translations: {
    zz: { privacyPolicyUrl: "/#privacy" },
    en: {
      consentNotice: { description: TEXT.body, learnMore: TEXT.prefs },
      ok: TEXT.accept,
      acceptAll: TEXT.accept,
      decline: TEXT.reject,
      acceptSelected: TEXT.save,
      consentModal: { title: TEXT.dialogTitle, description: TEXT.body },
      purposes: Object.fromEntries(
        PURPOSES.map((p) => [p.id, { title: p.title, description: p.desc }]),
      ),
    },
  },
  services: SERVICES.map((s) => ({
    name: s.id,
    title: s.title,
    purposes: [s.purpose],
    required: s.required,
  })),
};
export default () => ({
  html: shell({
    title: "klaro",
    head: '<script defer src="/gen/klaro/config.js"></script><script defer src="/nm/klaro/dist/klaro.js"></script>',
    body: GATED.map(
      (s) =>
        `<script type="text/plain" data-type="text/javascript" data-name="${s.id}" data-src="${s.src}"></script>`,
    ).join(""),
  }),
  files: { "config.js": `var klaroConfig=${js(config)};` },
});
