// Keeps the overview fresh without losing the reader's place; without it the page reloads itself.

setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = new Set([...document.querySelectorAll("details[open]")].map((node) => node.id));
    for (const node of next.querySelectorAll("details")) node.open = open.has(node.id);
    document.querySelector("main").replaceWith(next.querySelector("main"));
  } catch {
    // The receivers are being restarted: the next round will find them.
  }
}, 2000);
