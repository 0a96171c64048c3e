// Builds nodes from data. Text is always text: nothing here parses HTML.

type Child = Node | string | null | undefined | false;

/** `el("p", { class: "cm-note" }, "text")`; `null`, `undefined` and `false` are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | null | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const name in attributes) {
    const value = attributes[name];
    if (value != null && value !== false) node.setAttribute(name, value === true ? "" : "" + value);
  }
  node.append(...(children.filter(Boolean) as (Node | string)[]));
  return node;
}

export function button(
  label: string | undefined,
  look: string,
  press: (event: Event) => void,
): HTMLButtonElement {
  const node = el("button", { type: "button", class: look }, label);
  node.onclick = press;
  return node;
}

/** A shadow root with our styles. Constructed sheets need no `style-src` exception. */
export function shadow(host: HTMLElement, css: string): ShadowRoot {
  const root = host.attachShadow({ mode: "open" });
  addStyles(root, css);
  return root;
}

export function addStyles(root: ShadowRoot, css: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets.push(sheet);
}
