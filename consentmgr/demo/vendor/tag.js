// What a partner's tag does on a page: it sets its cookies there, reports the page view to its own
// host, and says that it ran. The receiver calls this with what it knows of the tag.

(({ partner, tag, origin, cookies, items, hasPixel }) => {
  const stamp = () => `${Math.floor(Math.random() * 1e9)}.${Math.floor(Date.now() / 1000)}`;

  const known = Object.fromEntries(document.cookie.split(/; */).map((pair) => pair.split("=")));
  for (const [pattern, days] of cookies) {
    const name = pattern.replace("*", "KLOSET01");
    known[name] ||= `1.${stamp()}`;
    document.cookie = `${name}=${known[name]};Path=/;SameSite=Lax;Max-Age=${days * 86400}`;
  }

  // The page hands over what this tag may have; the rest comes with every request anyway.
  const given = window.kloset?.dataFor(tag, items) ?? {};
  const hit = {
    tag,
    event: document.body?.dataset.event ?? "page_view",
    url: location.href,
    title: document.title,
    client: cookies.length ? known[cookies[0][0]] : "",
    ...given,
  };
  (window.__vendorHits ??= []).push({ partner, tag, event: hit.event, at: Date.now() });
  dispatchEvent(new CustomEvent("kloset:tag", { detail: { tag } }));

  fetch(`${origin}/collect`, {
    method: "POST",
    mode: "no-cors",
    credentials: "omit",
    keepalive: true,
    headers: { "Content-Type": "text/plain" },
    body: JSON.stringify(hit),
  }).catch(() => {});
  if (hasPixel) {
    new Image().src = `${origin}/pixel.gif?tag=${tag}&dl=${encodeURIComponent(location.href)}`;
  }
})
