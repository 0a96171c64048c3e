// A modal dialog after the ARIA pattern: focus goes in and stays in, Escape closes and decides
// nothing, focus goes back. The browser's own <dialog> makes the rest of the page inert.

export function openDialog(
  dialog: HTMLDialogElement,
  root: ShadowRoot,
  first: HTMLElement,
  otherwise: HTMLElement | null,
): void {
  const before = (root.activeElement ?? document.activeElement) as HTMLElement | null;
  const { style } = document.documentElement;
  const { overflow } = style;
  root.append(dialog);
  dialog.showModal();
  style.overflow = "hidden";
  first.focus();
  dialog.onclose = () => {
    style.overflow = overflow;
    dialog.remove();
    // What opened it may be gone by now: the bar is, once a decision was made.
    const isBack = before?.isConnected && before !== document.body;
    (isBack ? before : otherwise)?.focus();
  };
}

/** Tabs after the ARIA pattern: one stop for Tab, arrows move and select. */
export function wireTabs(tabs: HTMLElement[], panels: HTMLElement[]): void {
  const select = (index: number) =>
    tabs.forEach((tab, i) => {
      tab.ariaSelected = String(i === index);
      tab.tabIndex = i === index ? 0 : -1;
      panels[i]!.hidden = i !== index;
    });
  tabs.forEach((tab, index) => {
    tab.onclick = () => select(index);
    tab.onkeydown = (event) => {
      const rtl = getComputedStyle(tab).direction === "rtl" ? -1 : 1;
      const moves: Record<string, number> = {
        ArrowRight: index + rtl,
        ArrowLeft: index - rtl,
        Home: 0,
        End: -1,
      };
      let to = moves[event.key];
      if (to === undefined) return;
      event.preventDefault();
      to = (to + tabs.length) % tabs.length;
      select(to);
      tabs[to]!.focus();
    };
  });
  select(0);
}
