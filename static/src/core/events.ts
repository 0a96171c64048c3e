// What the page is told. Types only; effects/announce.ts does the telling.

import type { Choices, Decision, Method } from "./types.ts";

export interface Events {
  /** The stored choices were read and every tag was decided. */
  ready: { choices: Choices | null; decisions: Record<string, Decision> };
  /** A decision took effect. `needs_reload`: withdrawn tags whose scripts had run on this page. */
  change: {
    choices: Choices | null;
    method: Method | null;
    allowed: string[];
    denied: string[];
    needs_reload: string[];
  };
  /** One tag was opened, closed or held back. */
  tag: { tag: string } & Decision;
  /** Something a site owner should know; no choice was lost. */
  error: { code: string; status: number };
}
