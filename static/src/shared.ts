// What the scripts that come later take from the one that is already there, instead of bringing it
// again: in their build these names are read from here (static/build.mjs).

import { codeOf, decide, own } from "./core/decide.ts";
import { askedIds, DAY, decode, encode, nextSeq } from "./core/state.ts";
import { now } from "./device.ts";
import { announce } from "./effects/announce.ts";
import { isMeant } from "./io/gesture.ts";
import { newScript, policy, scriptFor } from "./io/script.ts";
import { attempt, CHOICES, loadChoices, readCookies, writeCookie } from "./io/storage.ts";
import { addStyles, button, el, shadow } from "./ui/nodes.ts";

export const shared = {
  addStyles,
  announce,
  askedIds,
  attempt,
  button,
  CHOICES,
  codeOf,
  DAY,
  decide,
  decode,
  el,
  encode,
  isMeant,
  loadChoices,
  newScript,
  nextSeq,
  now,
  own,
  policy,
  readCookies,
  scriptFor,
  shadow,
  writeCookie,
};
