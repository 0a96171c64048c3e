// The only place that calls the service.

import type { Identifiers, Maps, Method, Surface } from "../core/types.ts";
import { attempt } from "./storage.ts";

const DEVICE = "cm_device";

const readToken = () => attempt(() => localStorage.getItem(DEVICE));
const writeToken = (token: string) => attempt(() => localStorage.setItem(DEVICE, token));

export interface ConsentBody extends Partial<Maps> {
  site: string;
  notice: number;
  idempotency_key: string;
  client_seq: number;
  method: Method;
  surface: Surface;
  language: string;
  gpc?: boolean;
  /** Makes all first decisions of a browser one device's, until it has a token. */
  device_seed?: string;
  /** The visitor decided again since: for the record only. */
  is_history?: boolean;
  /** What partners that lose something call this browser. */
  identifiers?: Identifiers;
}

export interface Answer<T> {
  /** 0 = no answer at all. */
  status: number;
  body: T | null;
  /** Milliseconds that the service asks us to wait, or 0. */
  retryAfter: number;
}

/**
 * Do cookies of the service count as first-party on this page? Two equal last labels, three where
 * the second looks like a registry's (co.jp). A wrong "no" only means that the device token travels
 * in a header, which always works.
 */
export function isSameSite(a: string, b: string): boolean {
  if (a === b) return true;
  const [x, y] = [a.split(".").reverse(), b.split(".").reverse()];
  let same = 0;
  while (same < x.length && x[same] === y[same]) same++;
  return /[a-z]/.test(x[0]!) && same > (x[0]!.length < 3 && (x[1] ?? "").length < 4 ? 2 : 1);
}

export interface Api {
  /** GET, or POST with a body. */
  call<T>(path: string, body?: object): Promise<Answer<T>>;
}

export function createApi(endpoint: string): Api {
  const byHeader = !isSameSite(new URL(endpoint).hostname, location.hostname);

  async function call<T>(path: string, body?: object): Promise<Answer<T>> {
    const headers: Record<string, string> = {};
    const token = readToken() ?? "new";
    if (body) headers["Content-Type"] = "application/json";
    if (byHeader) headers["X-Consent-Device"] = token;
    try {
      const response = await fetch(endpoint + path, {
        method: body ? "POST" : "GET",
        headers,
        body: body ? JSON.stringify(body) : null,
        keepalive: !!body,
        cache: "no-store",
        credentials: byHeader ? "omit" : "include",
        signal: AbortSignal.timeout?.(10_000) ?? null,
      });
      const wait = response.headers.get("Retry-After") ?? "";
      const json = (await response.json().catch(() => null)) as
        | (T & { device_token?: string; code?: string })
        | null;
      if (byHeader && json?.device_token) writeToken(json.device_token);
      // A token that the service no longer believes, unless a newer one came meanwhile: start anew.
      if (byHeader && json?.code === "token_refused" && readToken() === token) {
        writeToken("new");
      }
      return {
        status: response.status,
        body: json,
        retryAfter: +wait * 1000 || Date.parse(wait) - Date.now() || 0,
      };
    } catch {
      return { status: 0, body: null, retryAfter: 0 };
    }
  }

  return { call };
}
