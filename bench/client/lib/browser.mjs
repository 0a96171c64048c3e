// The browser, the conditions it runs under, and how a page is opened and its parts are found.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

// The headless shell first: no browser window, so less noise from the browser's own renderers.
const PROGRAMS = [
  process.env.CHROME_BIN,
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
];

export const VIEW = { width: 1280, height: 800 };

// `cpu`: times slower; `settle`: ms of quiet after load before a visit's costs are read.
export const PROFILES = {
  "1x": { cpu: 1, settle: 700 },
  "4x": { cpu: 4, settle: 1300 },
  // What a phone sees: 150 ms round trip, 1.6 Mbit/s down, 750 kbit/s up, on top of the slow CPU.
  "4x-4g": {
    cpu: 4,
    settle: 1800,
    net: {
      offline: false,
      latency: 150,
      downloadThroughput: 1.6e6 / 8,
      uploadThroughput: 7.5e5 / 8,
    },
  },
};

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const launch = () =>
  chromium.launch({
    executablePath: PROGRAMS.find((path) => path && existsSync(path)),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Some peers hide themselves from navigator.webdriver.
      "--disable-blink-features=AutomationControlled",
    ],
  });

/** Open a page whose renderer has started up and has nothing of the page under test cached. */
export async function openPage(browser, context, base, profile) {
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  // Same origin as the page under test, so that the renderer stays.
  await page.goto(`${base}/blank`);
  await sleep(250);
  if (profile?.cpu > 1) await cdp.send("Emulation.setCPUThrottlingRate", { rate: profile.cpu });
  if (profile?.net) {
    await cdp.send("Network.enable");
    await cdp.send("Network.emulateNetworkConditions", profile.net);
  }
  return { page, cdp };
}

/** Find what `host >>> inner` names: the inner part lies in the host's open shadow root. */
export const locator = (page, selector) =>
  page
    .locator(
      selector
        .split(">>>")
        .map((part) => part.trim())
        .join(" >> "),
    )
    .first();

/** Run a function with a page of a new visitor, who is gone afterwards. */
export async function withVisitor(browser, options, visit) {
  const context = await browser.newContext({ viewport: VIEW, ...options });
  try {
    return await visit(context);
  } finally {
    await context.close();
  }
}
