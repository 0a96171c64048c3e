// Two copies of what a device decided.

import type { Choices } from "./types.ts";

/**
 * The newer by seq; on the same seq whatever both grant, and whatever either refuses. What one of
 * them knows to be recorded is.
 */
export function merge(a: Choices | null, b: Choices | null): Choices | null {
  if (!a || !b) return a ?? b;
  if (a.seq !== b.seq) return a.seq > b.seq ? a : b;
  const refused = [...new Set([...a.refused, ...b.refused])];
  return {
    granted: a.granted.filter((id) => b.granted.includes(id) && !refused.includes(id)),
    refused,
    decided_at: Math.min(a.decided_at, b.decided_at),
    notice: Math.min(a.notice, b.notice),
    with_signal: a.with_signal && b.with_signal,
    seq: a.seq,
    is_unsent: a.is_unsent && b.is_unsent,
  };
}
