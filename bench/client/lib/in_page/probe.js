// Runs in the page before any other script, in timing visits. Moments in ms of page time:
// painted  the first frame with the banner in view and opacity above 0 (a task after that frame)
// ready    the banner is opaque and still, and a press would hit the accept button
// click    the press; gone  the first frame without the banner after it
(() => {
  if (window !== top) return;
  const selectors = __SELECTORS__;
  const probe = (window.__probe = {
    painted: null,
    ready: null,
    click: null,
    gone: null,
    events: [],
  });
  const PENDING = -1;

  const find = (selector) =>
    selector
      .split(">>>")
      .reduce(
        (root, part) => root && (root.shadowRoot ?? root).querySelector(part.trim()),
        document,
      );

  function opacity(element) {
    if (getComputedStyle(element).visibility === "hidden") return 0;
    let product = 1;
    for (let e = element; e; e = e.parentElement ?? e.getRootNode().host) {
      product *= Number(getComputedStyle(e).opacity);
    }
    return product;
  }

  /** How opaque the banner is; 0 while nothing of it is in view. */
  function visible(element) {
    if (!element?.isConnected) return 0;
    const { width, height, top, right, bottom, left } = element.getBoundingClientRect();
    const isInView =
      width >= 1 &&
      height >= 1 &&
      bottom > 0 &&
      right > 0 &&
      top < innerHeight &&
      left < innerWidth;
    const shown = isInView ? opacity(element) : 0;
    return shown > 0.01 ? shown : 0;
  }

  /** Note the moment in the task that follows this frame. */
  function mark(moment) {
    probe[moment] = PENDING;
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      probe[moment] = performance.now();
      channel.port1.close();
    };
    channel.port2.postMessage(0);
  }

  function isHit(element, box) {
    const x = box.x + box.width / 2;
    const y = box.y + box.height / 2;
    let hit = document.elementFromPoint(x, y);
    while (hit?.shadowRoot) {
      const inner = hit.shadowRoot.elementFromPoint(x, y);
      if (!inner || inner === hit) break;
      hit = inner;
    }
    return hit && element.contains(hit);
  }

  let lastPlace = "";
  function watchArrival() {
    const shown = visible(find(selectors.banner));
    if (!shown) return;
    if (probe.painted === null) mark("painted");
    const button = find(selectors.accept);
    if (!button) return;
    const box = button.getBoundingClientRect();
    const place = [box.x, box.y, box.width, box.height].map(Math.round).join();
    if (shown > 0.99 && place === lastPlace && isHit(button, box)) mark("ready");
    lastPlace = place;
  }

  function frame() {
    if (probe.click === null) watchArrival();
    else if (probe.gone === null && !visible(find(selectors.banner))) mark("gone");
    const isDone = probe.click === null ? probe.ready !== null : probe.gone !== null;
    if (!isDone) requestAnimationFrame(frame);
  }

  requestAnimationFrame(frame);
  addEventListener(
    "click",
    (event) => {
      probe.click = event.timeStamp;
      requestAnimationFrame(frame);
    },
    true,
  );
  const take = (list) => {
    for (const { duration, interactionId, entryType } of list.getEntries()) {
      const isFirst = entryType === "first-input";
      probe.events.push({ duration, interaction: interactionId ?? 0, isFirst });
    }
  };
  new PerformanceObserver(take).observe({ type: "event", durationThreshold: 16, buffered: true });
  new PerformanceObserver(take).observe({ type: "first-input", buffered: true });
})();
