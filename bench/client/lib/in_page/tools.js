// Runs in the page before any other script, in the checks: looks at elements across open shadow
// roots. `host >>> inner` names something in the host's shadow root.
(() => {
  const CONTROLS =
    "a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex]:not([tabindex='-1'])";
  const TEXTS = "a,button,input,label,p,h1,h2,h3,h4,span,li,td,th";
  const numbers = new WeakMap();
  let count = 0;

  const find = (selector) =>
    selector
      .split(">>>")
      .reduce(
        (root, part) => root && (root.shadowRoot ?? root).querySelector(part.trim()),
        document,
      );

  const parent = (element) => element.parentElement ?? element.getRootNode().host ?? null;

  function ancestors(element) {
    const found = [];
    for (let e = element; e; e = parent(e)) found.push(e);
    return found;
  }

  const within = (element, root) => ancestors(element).includes(root);

  function all(root) {
    const found = [];
    for (const element of (root.shadowRoot ?? root).querySelectorAll("*")) {
      found.push(element, ...(element.shadowRoot ? all(element) : []));
    }
    return found;
  }

  function active() {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element;
  }

  const shown = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;

  const controls = (root) =>
    all(root).filter(
      (e) =>
        e.matches(CONTROLS) &&
        !e.disabled &&
        e.getAttribute("tabindex") !== "-1" &&
        !ancestors(e).some((one) => one.inert) &&
        shown(e),
    );

  /** A name by which a person recognises the element in a report. */
  function label(element) {
    if (!element) return "none";
    const text = element.getAttribute("aria-label") || element.innerText || element.value || "";
    const id = element.id ? `#${element.id}` : "";
    return `${element.tagName.toLowerCase()}${id}:${text.trim().slice(0, 30)}`;
  }

  /** A number that stays with the element. */
  function number(element) {
    if (!numbers.has(element)) numbers.set(element, ++count);
    return numbers.get(element);
  }

  const shortSide = ({ width, height }) => Math.min(width, height);

  /** The largest of a control's own box and its labels' boxes: pressing any of them does it. */
  const target = (element) =>
    [element, ...(element.labels ?? [])]
      .map((one) => one.getBoundingClientRect())
      .sort((a, b) => shortSide(b) - shortSide(a))[0];

  /** A link inside a sentence, which may be as low as its line (WCAG 2.5.8, "Inline"). */
  function isInline(element) {
    const around = element.parentElement;
    if (element.tagName !== "A" || getComputedStyle(element).display !== "inline") return false;
    if (!around || !/^(P|SPAN|LI|DIV)$/.test(around.tagName)) return false;
    return around.innerText.trim().length > element.innerText.trim().length + 10;
  }

  const isNamed = (element) =>
    ["aria-label", "aria-labelledby", "title"].some((name) => element.getAttribute(name));

  window.__tools = {
    isActiveIn: (selector) => within(active(), find(selector)),
    activeLabel: () => label(active()),
    focus: (selector) => find(selector).focus(),

    /** Where the focus is after a Tab; null: on nothing. */
    where(selector) {
      const element = active();
      if (!element || element === document.body || element === document.documentElement)
        return null;
      const root = find(selector);
      return { number: number(element), isInside: Boolean(root) && within(element, root) };
    },

    /** Controls that none of the numbers names; of a radio group, one button is enough. */
    missed(selector, reached) {
      const root = find(selector);
      if (!root) return null;
      const groups = new Map();
      for (const control of controls(root)) {
        const key = control.type === "radio" ? `radio ${control.name}` : number(control);
        groups.set(key, [...(groups.get(key) ?? []), control]);
      }
      const lost = [...groups.values()].filter(
        (group) => !group.some((control) => reached.includes(number(control))),
      );
      return { total: groups.size, missed: lost.map(([control]) => label(control)) };
    },

    /** Controls whose shorter side is under 24 px, and the shortest side of all. */
    smallTargets(selector) {
      const sides = controls(find(selector))
        .filter((control) => !isInline(control))
        .map((control) => [label(control), shortSide(target(control))]);
      return {
        bad: sides.filter(([, side]) => side < 23.5).map(([name, side]) => `${name} ${side}px`),
        min: sides.length ? Math.round(Math.min(...sides.map(([, side]) => side))) : null,
      };
    },

    area(selector) {
      const { width, height } = find(selector).getBoundingClientRect();
      return Math.round(width * height);
    },

    /** Role and name of the banner: its own, or that of what it stands in. */
    role(selector) {
      for (const element of ancestors(find(selector)).slice(0, 4)) {
        if (element === document.body) break;
        const role = element.getAttribute("role");
        if (role || /^(DIALOG|SECTION|ASIDE)$/.test(element.tagName)) {
          const modal = element.getAttribute("aria-modal") === "true" ? " modal" : "";
          const name = isNamed(element) ? "named" : "unnamed";
          return `${role ?? element.tagName.toLowerCase()}${modal} ${name}`;
        }
      }
      return "none";
    },

    dialogKind(selector) {
      for (const element of ancestors(find(selector)).slice(0, 5)) {
        if (element.matches("[role=dialog],[role=alertdialog],dialog")) {
          const isNative = element.tagName === "DIALOG";
          const isModal =
            (isNative && element.matches(":modal")) ||
            element.getAttribute("aria-modal") === "true";
          const kind = isNative ? "native" : element.getAttribute("role");
          return `${kind} ${isModal ? "modal" : "not modal"}`;
        }
      }
      return "no dialog role";
    },

    /** What overflows; `heightShare` is the share of the screen's height, in per cent. */
    overflow(selector) {
      const root = find(selector);
      if (!root || !shown(root)) return null;
      const width = document.documentElement.clientWidth;
      const cut = all(root).filter((element) => {
        if (!element.matches(TEXTS) || !shown(element)) return false;
        const box = element.getBoundingClientRect();
        const isOutside = box.right > width + 1 || box.left < -1;
        const isDrawn = box.width > 2 && box.height > 2;
        return isDrawn && isOutside && getComputedStyle(element).position !== "absolute";
      });
      const scrolls = [root, ...all(root)]
        .filter((element) => /^(auto|scroll)$/.test(getComputedStyle(element).overflowX))
        .map((element) => element.scrollWidth - element.clientWidth);
      const { height } = root.getBoundingClientRect();
      return {
        pageScroll: Math.max(0, document.documentElement.scrollWidth - width),
        heightShare: Math.round((100 * Math.min(height, innerHeight)) / innerHeight),
        cutOff: cut.length,
        innerScrollX: Math.max(0, ...scrolls),
      };
    },
  };
})();
