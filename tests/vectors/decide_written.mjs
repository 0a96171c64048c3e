// The written cases of decide.json and the notices and regimes that all cases share.
// Each block is one row of the rules; inside it, the row and its borders.

export const NOW = 1795330800; // 2026-11-22T16:00:00 in Japan
const DAY = 86400;

const notice = {
  number: 3,
  tags: {
    cart: tag("shop", ["necessary"], ["id.cookie"], [], "client", true),
    ga4: tag("google", ["analytics"], ["id.cookie", "activity.url"], ["attr.gender", "attr.age"]),
    ads: tag("google", ["advertising"], ["id.cookie", "activity.url"]),
    own_stats: tag("shop", ["analytics"], ["activity.url"], ["attr.gender"]),
    retarget: tag("criteo", ["advertising", "personalisation"], ["id.cookie", "activity.order"]),
    video: tag("youtube", ["functional"], []),
    helper: tag("karte", ["analytics", "functional"], ["id.cookie"], ["attr.occupation"]),
    capi: tag("meta", ["advertising"], ["id.mail_hash"], [], "server"),
    server_stats: tag("karte", ["analytics"], ["activity.url"], [], "server"),
    group_now: tag("group_now", ["analytics"], ["activity.url"]),
    group_later: tag("group_later", ["analytics"], ["activity.url"]),
    group_never: tag("group_never", ["analytics"], ["activity.url"]),
    group_edge: tag("group_edge", ["analytics"], ["activity.url"]),
    no_partner: tag("nobody", ["analytics"], ["activity.url"]),
    no_purpose: tag("karte", ["horoscopes"], ["activity.url"]),
    half_purpose: tag("karte", ["analytics", "horoscopes"], ["activity.url"]),
    odd_transport: tag("karte", ["analytics"], ["activity.url"], [], "pigeon"),
    // Their partners can be expected to know whose data it is.
    known_ads: linkable("google", ["advertising"], ["id.cookie", "activity.url"]),
    known_stats: linkable("shop", ["analytics"], ["activity.url"]),
    known_capi: linkable("meta", ["advertising"], ["id.mail_hash"], [], "server"),
  },
  natures: {
    necessary: "necessary",
    analytics: "analytics",
    advertising: "advertising",
    personalisation: "personalisation",
    functional: "functional",
  },
  partners: {
    shop: { role: "self", effective_at: null },
    google: { role: "third_party", effective_at: null },
    criteo: { role: "third_party", effective_at: null },
    youtube: { role: "third_party", effective_at: null },
    meta: { role: "third_party", effective_at: null },
    karte: { role: "processor", effective_at: null },
    group_now: { role: "joint_user", effective_at: NOW - 10 * DAY },
    group_later: { role: "joint_user", effective_at: NOW + 1 },
    group_never: { role: "joint_user", effective_at: null },
    group_edge: { role: "joint_user", effective_at: NOW },
  },
  material_since: {
    "purpose:necessary": 1,
    "purpose:analytics": 1,
    "purpose:advertising": 2,
    "purpose:personalisation": 1,
    "purpose:functional": 1,
    "item:id.cookie": 1,
    "item:activity.url": 1,
    "item:activity.order": 3,
    "item:id.mail_hash": 1,
    "item:attr.gender": 3,
    "item:attr.age": 1,
    "item:attr.occupation": 1,
    "partner:shop": 1,
    "partner:google": 1,
    "partner:criteo": 1,
    "partner:youtube": 2,
    "partner:meta": 1,
    "partner:karte": 2,
    "partner:group_now": 1,
    "partner:group_later": 1,
    "partner:group_never": 1,
    "partner:group_edge": 1,
  },
};

// The same site before anything changed materially, and without its joint users.
const first = {
  number: 1,
  tags: Object.fromEntries(
    ["cart", "ga4", "ads", "own_stats", "helper", "capi"].map((code) => [code, notice.tags[code]]),
  ),
  natures: notice.natures,
  partners: Object.fromEntries(
    ["shop", "google", "karte", "meta"].map((code) => [code, notice.partners[code]]),
  ),
  material_since: Object.fromEntries(
    Object.keys(notice.material_since)
      .filter((id) => !/group|criteo|youtube|order|personal/.test(id))
      .map((id) => [id, 1]),
  ),
};

const closed = {
  notice_natures: { client: [], server: [] },
  notice_roles: [],
  notice_linkable: false,
  signal: {
    natures: ["analytics", "advertising", "personalisation", "functional"],
    grant_outlives: false,
  },
  renew_days: { granted: 180, refused: 180 },
};

const jp = {
  notice_natures: { client: ["analytics", "functional"], server: [] },
  notice_roles: ["self", "processor"],
  notice_linkable: false,
  signal: { natures: ["advertising", "personalisation"], grant_outlives: false },
  renew_days: { granted: 365, refused: 180 },
};

const everything = ["analytics", "advertising", "personalisation", "functional"];
const everybody = ["self", "processor", "third_party", "joint_user"];

export const fixtures = {
  notices: { n3: notice, n1: first },
  regimes: {
    "jp-a": { code: "jp-a", ...jp },
    "jp-b": {
      code: "jp-b",
      ...jp,
      notice_natures: { client: everything, server: [] },
      notice_roles: everybody,
    },
    "us-ca": {
      code: "us-ca",
      notice_natures: { client: everything, server: everything },
      notice_roles: everybody,
      notice_linkable: true,
      signal: jp.signal,
      renew_days: { granted: 365, refused: 365 },
    },
    // Made for the tests: an earlier grant stays good under a browser signal.
    "jp-outlives": { code: "jp-outlives", ...jp, signal: { ...jp.signal, grant_outlives: true } },
    eu: { code: "eu", ...closed },
    unknown: { code: "unknown", ...closed },
  },
};

function tag(
  partner,
  purposes,
  required_items,
  optional_items = [],
  transport = "client",
  exempt = false,
) {
  return { partner, purposes, required_items, optional_items, transport, exempt, linkable: false };
}

function linkable(...args) {
  return { ...tag(...args), linkable: true };
}

const GA4 = ["partner:google", "purpose:analytics", "item:id.cookie", "item:activity.url"];
const ADS = ["partner:google", "purpose:advertising", "item:id.cookie", "item:activity.url"];
const RETARGET = [
  "partner:criteo",
  "purpose:advertising",
  "purpose:personalisation",
  "item:id.cookie",
  "item:activity.order",
];
const HELPER = ["partner:karte", "purpose:analytics", "purpose:functional", "item:id.cookie"];

function chose(granted, refused = [], more = {}) {
  return { granted, refused, decided_at: NOW - 30 * DAY, notice: 3, with_signal: false, ...more };
}

const calm = {
  notice: "n3",
  regime: "jp-a",
  choices: null,
  signals: { gpc: false },
  shown_notice: null,
  overdue: [],
  now: NOW,
};
const gpc = { signals: { gpc: true } };
const without = (ids, id) => ids.filter((other) => other !== id);

export const written = [];

function denied(name, tagCode, reason, more = {}) {
  const expected = { allowed: false, reason, withheld: [] };
  written.push({ name, tag: tagCode, ...calm, ...more, expected });
}

function allowed(name, tagCode, reason, more = {}, withheld = []) {
  const expected = { allowed: true, reason, withheld };
  written.push({ name, tag: tagCode, ...calm, ...more, expected });
}

// 1 unknown tag; tables that do not know its partner or purpose
denied("1 tag that the notice does not name", "nobody_knows", "unknown_tag");
denied("1 unknown tag stays unknown with everything granted", "nobody_knows", "unknown_tag", {
  choices: chose(Object.keys(notice.material_since)),
});
denied("1 a name that every JavaScript object has", "constructor", "unknown_tag");
denied("1 a name that every JavaScript object has, too", "__proto__", "unknown_tag");
denied("1 empty tag code", "", "unknown_tag");
denied("1 a tag that only the newer notice has", "video", "unknown_tag", { notice: "n1" });
denied("1 partner missing from the table", "no_partner", "unknown_tag", { shown_notice: 3 });
denied("1 purpose missing from the table", "no_purpose", "unknown_tag", { shown_notice: 3 });
denied("1 one of two purposes missing from the table", "half_purpose", "unknown_tag", {
  shown_notice: 3,
});
denied("1 missing partner, although granted", "no_partner", "unknown_tag", {
  choices: chose(["partner:nobody", "purpose:analytics", "item:activity.url"]),
});

// 2 exempt
allowed("2 strictly necessary, nothing decided", "cart", "exempt");
allowed("2 strictly necessary under the strictest regime", "cart", "exempt", { regime: "unknown" });
allowed("2 exempt beats a refusal of everything", "cart", "exempt", {
  choices: chose([], Object.keys(notice.material_since)),
});
allowed("2 exempt beats an overdue partner", "cart", "exempt", { overdue: ["shop"] });
allowed("2 exempt beats a browser signal", "cart", "exempt", { regime: "eu", ...gpc });
allowed("2 exempt beats an expired decision", "cart", "exempt", {
  choices: chose([], [], { decided_at: 0, notice: 1 }),
});

// 3 partner overdue
denied("3 partner owes a revocation, although granted", "ga4", "partner_overdue", {
  choices: chose(GA4),
  overdue: ["google"],
});
denied("3 overdue is said before a refusal", "ga4", "partner_overdue", {
  choices: chose([], ["partner:google"]),
  overdue: ["criteo", "google"],
});
denied("3 overdue is said before a browser signal", "ads", "partner_overdue", {
  overdue: ["google"],
  ...gpc,
});
denied("3 overdue is said before a joint user's date", "group_later", "partner_overdue", {
  overdue: ["group_later"],
});
allowed("3 somebody else is overdue", "ga4", "granted", {
  choices: chose([...GA4, "item:attr.gender", "item:attr.age"]),
  overdue: ["criteo", "meta"],
});

// 4 joint user not yet effective
const joint = (code) => ["partner:" + code, "purpose:analytics", "item:activity.url"];
denied("4 effective one second from now", "group_later", "not_yet_effective", {
  choices: chose(joint("group_later")),
});
denied("4 no date at all", "group_never", "not_yet_effective", {
  choices: chose(joint("group_never")),
});
allowed("4 effective exactly now", "group_edge", "granted", {
  choices: chose(joint("group_edge")),
});
denied("4 one second before the date", "group_edge", "not_yet_effective", {
  choices: chose(joint("group_edge")),
  now: NOW - 1,
});
allowed("4 effective for ten days", "group_now", "granted", { choices: chose(joint("group_now")) });
denied("4 the date is said before a refusal", "group_never", "not_yet_effective", {
  choices: chose([], ["partner:group_never"]),
});
denied("4 an effective joint user is no reason to open by notice", "group_now", "no_choice", {
  shown_notice: 3,
});

// 5 refusals
denied("5 partner refused", "ga4", "partner_refused", {
  choices: chose(without(GA4, "partner:google"), ["partner:google"]),
});
denied("5 purpose refused", "ga4", "purpose_refused", {
  choices: chose(without(GA4, "purpose:analytics"), ["purpose:analytics"]),
});
denied("5 the second of two purposes refused", "retarget", "purpose_refused", {
  choices: chose(without(RETARGET, "purpose:personalisation"), ["purpose:personalisation"]),
});
denied("5 required data item refused", "ga4", "data_item_refused", {
  choices: chose(without(GA4, "item:activity.url"), ["item:activity.url"]),
});
denied("5 partner is said before purpose and data item", "ga4", "partner_refused", {
  choices: chose([], ["item:id.cookie", "purpose:analytics", "partner:google"]),
});
denied("5 purpose is said before data item", "ga4", "purpose_refused", {
  choices: chose([], ["item:id.cookie", "purpose:analytics"]),
});
denied("5 granted and refused at once counts as refused", "ga4", "partner_refused", {
  choices: chose(GA4, ["partner:google"]),
});
denied("5 a refusal does not expire", "own_stats", "purpose_refused", {
  choices: chose([], ["purpose:analytics"], { decided_at: NOW - 5000 * DAY, notice: 1 }),
  shown_notice: 3,
});
denied("5 a refusal outlives a material change", "helper", "partner_refused", {
  choices: chose([], ["partner:karte"], { notice: 1 }),
  shown_notice: 3,
});
denied("5 a refusal is said before a browser signal", "ads", "purpose_refused", {
  choices: chose([], ["purpose:advertising"]),
  ...gpc,
});
allowed(
  "5 an optional item refused does not shut the tag",
  "ga4",
  "granted",
  {
    choices: chose([...GA4, "item:attr.age"], ["item:attr.gender"]),
  },
  ["attr.gender"],
);
denied("5 everything refused", "retarget", "partner_refused", {
  choices: chose([], Object.keys(notice.material_since)),
});

// 6 browser signal
denied("6 signal, nothing decided", "ads", "browser_signal", gpc);
denied("6 signal, granted before it was seen", "ads", "browser_signal", {
  choices: chose(ADS),
  ...gpc,
});
allowed("6 signal, granted with the signal seen", "ads", "granted", {
  choices: chose(ADS, [], { with_signal: true }),
  ...gpc,
});
denied("6 signal seen, but one needed id was not granted", "ads", "browser_signal", {
  choices: chose(without(ADS, "item:id.cookie"), [], { with_signal: true }),
  ...gpc,
});
allowed("6 the regime lets an earlier grant outlive the signal", "ads", "granted", {
  regime: "jp-outlives",
  choices: chose(ADS),
  ...gpc,
});
denied("6 outliving needs every grant", "ads", "browser_signal", {
  regime: "jp-outlives",
  choices: chose(without(ADS, "partner:google")),
  ...gpc,
});
denied("6 one of two purposes is covered by the signal", "retarget", "browser_signal", {
  choices: chose(RETARGET),
  ...gpc,
});
allowed("6 the regime does not honour the signal for analytics", "ga4", "granted", {
  choices: chose([...GA4, "item:attr.gender", "item:attr.age"]),
  ...gpc,
});
denied("6 another regime honours it for analytics", "ga4", "browser_signal", {
  regime: "eu",
  choices: chose(GA4),
  ...gpc,
});
allowed("6 notice still opens what the signal does not cover", "own_stats", "notice_given", {
  shown_notice: 3,
  ...gpc,
});
denied("6 signal beats notice where it covers the nature", "video", "browser_signal", {
  regime: "eu",
  shown_notice: 3,
  ...gpc,
});
allowed("6 no signal, with_signal kept from earlier", "ads", "granted", {
  choices: chose(ADS, [], { with_signal: true }),
});
denied("6 seen signal, grant expired since", "ads", "needs_renewal", {
  choices: chose(ADS, [], { with_signal: true, decided_at: NOW - 365 * DAY }),
  ...gpc,
});

// 7 renewal
allowed("7 one second before the grant expires", "ads", "granted", {
  choices: chose(ADS, [], { decided_at: NOW - 365 * DAY + 1 }),
});
denied("7 exactly at expiry", "ads", "needs_renewal", {
  choices: chose(ADS, [], { decided_at: NOW - 365 * DAY }),
});
denied("7 the EU's half year", "ads", "needs_renewal", {
  regime: "eu",
  choices: chose(ADS, [], { decided_at: NOW - 180 * DAY }),
});
allowed("7 one second inside the EU's half year", "ads", "granted", {
  regime: "eu",
  choices: chose(ADS, [], { decided_at: NOW - 180 * DAY + 1 }),
});
denied("7 purpose changed materially since the grant", "ads", "needs_renewal", {
  choices: chose(ADS, [], { notice: 1 }),
});
allowed("7 granted on the very notice of the change", "ads", "granted", {
  choices: chose(ADS, [], { notice: 2 }),
});
denied("7 required item changed materially", "retarget", "needs_renewal", {
  choices: chose(RETARGET, [], { notice: 2 }),
});
denied("7 partner changed materially", "helper", "needs_renewal", {
  choices: chose(HELPER, [], { notice: 1 }),
});
allowed("7 a changed optional item asks for nothing", "ga4", "granted", {
  choices: chose([...GA4, "item:attr.gender", "item:attr.age"], [], { notice: 1 }),
});
allowed("7 expired, but notice is enough and was given", "helper", "needs_renewal", {
  choices: chose(HELPER, [], { decided_at: NOW - 400 * DAY }),
  shown_notice: 3,
});
allowed(
  "7 renewal by notice withholds refused items only",
  "helper",
  "needs_renewal",
  {
    choices: chose(HELPER, ["item:attr.occupation"], { notice: 1 }),
    shown_notice: 2,
  },
  ["attr.occupation"],
);
denied("7 expired, and the changed notice was not shown", "helper", "needs_renewal", {
  choices: chose(HELPER, [], { notice: 1 }),
  shown_notice: 1,
});
denied("7 expired in a regime where notice is never enough", "helper", "needs_renewal", {
  regime: "eu",
  choices: chose(HELPER, [], { decided_at: NOW - 400 * DAY }),
  shown_notice: 3,
});
denied("7 old and without the needed grants", "ads", "needs_renewal", {
  choices: chose([], [], { decided_at: NOW - 400 * DAY }),
});
denied("7 a decision dated in the future counts from its date", "ads", "needs_renewal", {
  choices: chose(ADS, [], { decided_at: NOW + DAY }),
  now: NOW + 366 * DAY,
});

// 8 default
denied("8 nothing decided, notice not shown", "own_stats", "no_choice");
allowed("8 notice shown, our own statistics", "own_stats", "notice_given", { shown_notice: 1 });
allowed("8 notice shown, a processor", "helper", "notice_given", { shown_notice: 3 });
allowed("8 shown at exactly the version of the change", "helper", "notice_given", {
  shown_notice: 2,
});
denied("8 shown before the change", "helper", "no_choice", { shown_notice: 1 });
denied("8 shown, but to a third party", "ga4", "no_choice", { shown_notice: 3 });
denied("8 shown, but advertising needs a yes", "ads", "no_choice", { shown_notice: 3 });
denied("8 shown, but it is sent by the server", "server_stats", "no_choice", { shown_notice: 3 });
denied("8 shown, but nobody knows this transport", "odd_transport", "no_choice", {
  shown_notice: 3,
});
denied("8 in the EU notice is never enough", "own_stats", "no_choice", {
  regime: "eu",
  shown_notice: 3,
});
denied("8 an unresolved regime is as strict", "own_stats", "no_choice", {
  regime: "unknown",
  shown_notice: 3,
});
denied("8 one needed id not granted", "ga4", "no_choice", {
  choices: chose(without(GA4, "item:id.cookie")),
});
denied("8 partner never answered", "ads", "no_choice", {
  choices: chose(without(ADS, "partner:google")),
});
allowed("8 some answered, notice carries the rest", "own_stats", "notice_given", {
  choices: chose(["purpose:analytics"]),
  shown_notice: 3,
});
allowed(
  "8 notice withholds a refused optional item",
  "own_stats",
  "notice_given",
  {
    choices: chose(["purpose:analytics"], ["item:attr.gender"]),
    shown_notice: 3,
  },
  ["attr.gender"],
);
allowed("8 notice alone withholds nothing that was not refused", "own_stats", "notice_given", {
  choices: chose([]),
  shown_notice: 3,
});
denied("8 a denied decision withholds nothing", "ga4", "no_choice", {
  choices: chose([], ["item:attr.gender"]),
});
allowed("8 shown a notice newer than the page's", "own_stats", "notice_given", { shown_notice: 9 });
denied("8 shown notice zero is older than any", "own_stats", "no_choice", { shown_notice: 0 });

// 8 in the regimes where more follows a notice
const told = (regime) => ({ regime, shown_notice: 3 });
allowed("8 profile B: a third party's advertising", "ads", "notice_given", told("jp-b"));
allowed("8 profile B: a joint user whose notice is effective", "group_edge", "notice_given", {
  ...told("jp-b"),
});
denied("8 profile B: a joint user whose notice is not yet effective", "group_later", "not_yet_effective", {
  ...told("jp-b"),
});
denied("8 profile B: before the notice was shown", "ads", "no_choice", { regime: "jp-b" });
denied("8 profile B: a material change that was not shown", "ads", "no_choice", {
  regime: "jp-b",
  shown_notice: 1,
});
denied("8 profile B: the server sends nothing before a yes", "capi", "no_choice", told("jp-b"));
denied("8 profile B: the server's own statistics neither", "server_stats", "no_choice", told("jp-b"));
denied("8 profile B: an opt-out", "ads", "partner_refused", {
  ...told("jp-b"),
  choices: chose([], ["partner:google"]),
});
denied("8 profile B: the browser's signal is an opt-out of advertising", "ads", "browser_signal", {
  ...told("jp-b"),
  ...gpc,
});
allowed("8 profile B: and of nothing else", "ga4", "notice_given", { ...told("jp-b"), ...gpc });
allowed("8 profile B: expired, the notice carries on", "ads", "needs_renewal", {
  ...told("jp-b"),
  choices: chose(ADS, [], { decided_at: NOW - 365 * DAY }),
});
for (const regime of ["jp-a", "jp-b", "eu"]) {
  for (const code of ["known_ads", "known_stats", "known_capi"]) {
    denied(`8 ${regime}: a notice is not enough for ${code}`, code, "no_choice", told(regime));
  }
}
denied("8 profile B: an expired yes to a partner that knows whose data it is", "known_ads", "needs_renewal", {
  ...told("jp-b"),
  choices: chose(ADS, [], { decided_at: NOW - 365 * DAY }),
});
for (const regime of ["jp-a", "jp-b"]) {
  allowed(`9 ${regime}: a yes to a partner that knows whose data it is`, "known_ads", "granted", {
    regime,
    choices: chose(ADS),
  });
}
for (const code of ["known_ads", "known_stats", "known_capi", "capi"]) {
  allowed(`8 an opt-out regime: notice is enough for ${code}`, code, "notice_given", told("us-ca"));
}
denied("8 an opt-out regime: the signal comes first", "known_ads", "browser_signal", {
  ...told("us-ca"),
  ...gpc,
});
denied("8 an opt-out regime: a yes that the signal came after", "ads", "browser_signal", {
  ...told("us-ca"),
  choices: chose(ADS),
  ...gpc,
});

// 9 granted
allowed("9 everything granted", "ga4", "granted", {
  choices: chose([...GA4, "item:attr.gender", "item:attr.age"]),
});
allowed(
  "9 optional items never answered are withheld",
  "ga4",
  "granted",
  {
    choices: chose(GA4),
  },
  ["attr.gender", "attr.age"],
);
allowed(
  "9 one of two optional items granted",
  "ga4",
  "granted",
  {
    choices: chose([...GA4, "item:attr.gender"]),
  },
  ["attr.age"],
);
allowed(
  "9 withheld keeps the tag's order",
  "ga4",
  "granted",
  {
    choices: chose(GA4, ["item:attr.age", "item:attr.gender"]),
  },
  ["attr.gender", "attr.age"],
);
allowed("9 server-side sending with a yes", "capi", "granted", {
  choices: chose(["partner:meta", "purpose:advertising", "item:id.mail_hash"]),
});
allowed("9 a tag without data items", "video", "granted", {
  choices: chose(["partner:youtube", "purpose:functional"]),
});
allowed("9 granted under the strictest regime", "retarget", "granted", {
  regime: "unknown",
  choices: chose(RETARGET),
});
allowed("9 unknown ids in the choices change nothing", "ads", "granted", {
  choices: chose([...ADS, "purpose:horoscopes"], ["partner:nobody", "item:nothing"]),
});
allowed(
  "9 granted decides, whatever was shown",
  "own_stats",
  "granted",
  {
    choices: chose(["partner:shop", "purpose:analytics", "item:activity.url"]),
    shown_notice: 3,
  },
  ["attr.gender"],
);
