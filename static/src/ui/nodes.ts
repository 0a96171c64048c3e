// Builds nodes from data. Text is always text: nothing here parses HTML.

type Child = Node | string | null | undefined | false;

/** `el("p", { class: "cm-note" }, "text")`; `null`, `undefined` and `false` are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | null | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const name of Object.keys(attributes)) {
    const value = attributes[name];
    if (value != null && value !== false) node.setAttribute(name, value === true ? "" : "" + value);
  }
  for (const child of children) if (child) node.append(child);
  return node;
}

export function button(
  label: string | undefined,
  look: string,
  press: (event: Event) => void,
): HTMLButtonElement {
  const node = el("button", { type: "button", class: look }, label);
  node.addEventListener("click", press);
  return node;
}

/** Fill `{name}` in a wording. */
export function fill(text: string | undefined, values: Record<string, string | number>): string {
  return (text ?? "").replace(/\{(\w+)\}/g, (all, name: string) => "" + (values[name] ?? all));
}

const sheets = new Map<string, CSSStyleSheet>();

/** A shadow root with our styles. Constructed sheets need no `style-src` exception. */
export function shadow(host: HTMLElement, ...styles: string[]): ShadowRoot {
  const root = host.attachShadow({ mode: "open" });
  for (const css of styles) addStyles(root, css);
  return root;
}

export function addStyles(root: ShadowRoot, css: string): void {
  try {
    let sheet = sheets.get(css);
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      sheets.set(css, sheet);
    }
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  } catch {
    // Browsers from before 2023.
    root.prepend(el("style", {}, css));
  }
}
