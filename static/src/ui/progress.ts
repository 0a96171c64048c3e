// What became of a withdrawal: how many partners have confirmed, and who is still to be told.

import { fill } from "../core/text.ts";
import { createApi } from "../io/api.ts";
import { join, loadCatalogue } from "../io/catalogue.ts";
import { takeSession } from "../io/session.ts";
import type { Host } from "../loader.ts";

/** Where the lines are shown. */
export type Tell = (...lines: string[]) => void;

interface Progress {
  partners: {
    legal_name: string | Record<string, string>;
    status: string;
    due_at: string;
    /** More may come of it by itself. */
    is_open: boolean;
  }[];
  total: number;
  confirmed: number;
}

const POLLS = [300, 1200, 2500, 4000, 8000, 15_000, 30_000];

const SAID: Record<string, string> = {
  sent: "sent",
  overdue: "overdue",
  unreachable: "overdue",
  identifier_not_held: "nothing",
  not_needed: "nothing",
};

/** One line for all partners that are equally far and have the same deadline. */
function outstanding({ language, wording }: Host, partners: Progress["partners"]): string[] {
  const clock = new Intl.DateTimeFormat(language, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  });
  const lines = new Map<string, { key: string; time: string; names: string[] }>();
  for (const { status, due_at, legal_name } of partners) {
    if (status === "confirmed") continue;
    const key = "delivery_" + (SAID[status] ?? "pending");
    const time = clock.format(new Date(due_at));
    const line = lines.get(key + time) ?? { key, time, names: [] };
    line.names.push(typeof legal_name === "string" ? legal_name : (legal_name[language] ?? ""));
    lines.set(key + time, line);
  }
  return [...lines.values()].map(({ key, time, names }) =>
    fill(wording[key], { partner: join(names, language), time }),
  );
}

export async function follow(
  host: Host,
  key: string,
  tell: Tell,
  isWanted: () => boolean,
): Promise<void> {
  for (const delay of POLLS) {
    await new Promise((done) => setTimeout(done, delay));
    if (!isWanted()) return;
    const path = `/v1/revocations/${key}?site=${host.device.config.site}`;
    const { status, body } = await createApi(host.endpoint).call<Progress>(path);
    if (status === 404) takeSession("cm_receipt");
    if (status !== 200 || !body?.total) continue;
    // The words for it come only where there is something to say.
    if (!host.wording.delivery_progress) await loadCatalogue(host).catch(() => {});
    const { total, confirmed, partners } = body;
    tell(
      fill(host.wording.delivery_progress, { total, confirmed }),
      ...outstanding(host, partners),
    );
    if (!partners.some(({ is_open }) => is_open)) {
      takeSession("cm_receipt");
      return;
    }
  }
}
