// What a visitor without JavaScript gets: a first layer with the same buttons, and a refusal that
// holds. The layer may lie in the page or in a frame of it.
import { locator, sleep, withVisitor } from "./browser.mjs";

export async function withoutScript(browser, { href, selectors, gated }) {
  const names = await withVisitor(browser, {}, async (context) => {
    const page = await context.newPage();
    await page.goto(href);
    const name = async (selector) => {
      await locator(page, selector).waitFor({ state: "visible", timeout: 15_000 });
      return (await locator(page, selector).innerText()).trim();
    };
    return { accept: await name(selectors.accept), refuse: await name(selectors.reject) };
  });
  return withVisitor(browser, { javaScriptEnabled: false }, async (context) => {
    const page = await context.newPage();
    await page.goto(href);
    const found = {
      accept: Boolean(await visibleButton(page, names.accept)),
      refuse: Boolean(await visibleButton(page, names.refuse)),
    };
    const shows = found.accept && found.refuse;
    if (!shows) return { ...found, shows, works: false };
    await (await visibleButton(page, names.refuse)).click();
    await sleep(1000);
    await page.goto(href);
    const asksAgain = Boolean(await visibleButton(page, names.refuse));
    const later = await withScriptAgain(browser, context, { href, selectors, gated });
    const works = !asksAgain && !later.asksAgain && later.tags === 0;
    return { ...found, shows, works, asksAgain, later };
  });
}

/** The same visitor with JavaScript: a refusal that holds asks nothing and opens nothing. */
async function withScriptAgain(browser, before, { href, selectors, gated }) {
  const storageState = await before.storageState();
  return withVisitor(browser, { storageState }, async (context) => {
    const page = await context.newPage();
    await page.goto(href, { waitUntil: "load" });
    await sleep(1200);
    return {
      asksAgain: await locator(page, selectors.banner).isVisible(),
      tags: await page.evaluate(
        (ids) => (window.__tags ?? []).filter(({ id }) => ids.includes(id)).length,
        gated,
      ),
    };
  });
}

/** Find a button or link of this name that can be seen, in the page or in one of its frames. */
async function visibleButton(page, name) {
  for (const frame of page.frames()) {
    for (const role of ["button", "link"]) {
      const found = frame.getByRole(role, { name, exact: true }).first();
      if (await found.isVisible()) return found;
    }
  }
  return null;
}
