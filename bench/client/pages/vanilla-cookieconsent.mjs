// Documented HTML set-up: stylesheet in head, module config file that imports the UMD build.
import { shell, PURPOSES, GATED, TEXT, js, byPurpose } from "./common.mjs";
const categories = Object.fromEntries(
  PURPOSES.map((p) => [
    p.id,
    {
      ...(p.required ? { enabled: true, readOnly: true } : {}),
      services: Object.fromEntries(byPurpose(p.id).map((s) => [s.id, { label: s.title }])),
    },
  ]),
);
const config = {
  categories,
  language: {
    default: "en",
    translations: {
      en: {
        consentModal: {
          title: TEXT.title,
          description: TEXT.body,
          acceptAllBtn: TEXT.accept,
          acceptNecessaryBtn: TEXT.reject,
          showPreferencesBtn: TEXT.prefs,
        },
        preferencesModal: {
          title: TEXT.dialogTitle,
          acceptAllBtn: TEXT.accept,
          acceptNecessaryBtn: TEXT.reject,
          savePreferencesBtn: TEXT.save,
          closeIconLabel: TEXT.close,
          sections: PURPOSES.map((p) => ({
            title: p.title,
            description: p.desc,
            linkedCategory: p.id,
          })),
        },
      },
    },
  },
};
export default () => ({
  html: shell({
    title: "vanilla-cookieconsent",
    head: '<link rel="stylesheet" href="/nm/vanilla-cookieconsent/dist/cookieconsent.css">',
    body:
      GATED.map(
        (s) =>
          `<script type="text/plain" data-category="${s.purpose}" data-service="${s.id}" src="${s.src}"></script>`,
      ).join("") +
      '<script type="module" src="/gen/vanilla-cookieconsent/cookieconsent-config.js"></script>',
  }),
  files: {
    "cookieconsent-config.js": `import '/nm/vanilla-cookieconsent/dist/cookieconsent.umd.js';CookieConsent.run(${js(config)});`,
  },
});
