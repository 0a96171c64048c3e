// Shows a visitor one arm of an experiment. Only while a site runs one is this put in front of the
// loader, which knows nothing of it: what it reads has been changed when it starts.
//
// Chance chooses when this browser is shown the notice for the first time. What is remembered is the
// arm and nothing that could tell one browser from another; so whoever was asked, or has answered,
// before the experiment sees what is published, as does a browser that keeps no cookies.

import type { Config } from "./core/types.ts";
import { attempt, CHOICES, readCookies, SHOWN } from "./io/storage.ts";

declare const CM_CONFIG: Config;

const ARM = "cm_arm";

function choose(config: Config): void {
  const { experiment, more_languages, wording } = config;
  const { code, until, arms } = experiment!;
  const { lang } = document.documentElement;
  const left = Math.floor(until - Date.now() / 1000);
  // Over; or this page is read in words that the arms do not vary.
  if (
    left < 1 ||
    (!Object.hasOwn(wording, lang) && more_languages.some((tag) => lang.startsWith(tag)))
  ) {
    return;
  }
  const stored = readCookies(ARM)[0];
  let arm = arms.find((one) => stored === `${code}.${one.code}`);
  if (!arm) {
    if (readCookies(SHOWN)[0] || readCookies(CHOICES)[0]) return;
    // Of a hundred tickets each arm has as many as its share.
    let ticket = Math.random() * 100;
    arm = arms.find(({ share }) => (ticket -= share) < 0)!;
    const secure = location.protocol === "https:" ? ";Secure" : "";
    const kept = `${code}.${arm.code}`;
    document.cookie = `${ARM}=${kept};Path=/;SameSite=Lax;Max-Age=${left}${secure}`;
    // The next page would show another one.
    if (readCookies(ARM)[0] !== kept) return;
  }
  for (const [language, lines] of Object.entries(arm.wording ?? {})) {
    Object.assign(wording[language]!, lines);
  }
  const { presentation = config.presentation, styles = config.styles } = arm;
  Object.assign(config, { presentation, styles, variant: `${code}:${arm.code}` });
}

// Without it the published notice is shown.
attempt(() => choose(CM_CONFIG));
