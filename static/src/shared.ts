// What the scripts that come later take from the one that is already there, instead of bringing it
// again: in their build these names are read from here (static/build.mjs).

import { codeOf, decide, own } from "./core/decide.ts";
import { answerAll, askedIds, DAY, encode, nextSeq } from "./core/state.ts";
import { now } from "./device.ts";
import { announce } from "./effects/announce.ts";
import { isWaitedFor } from "./effects/tags.ts";
import { hasDatabase, inDatabase, readKept } from "./io/database.ts";
import { isMeant } from "./io/gesture.ts";
import { newKey } from "./io/key.ts";
import { saveChoices } from "./io/save.ts";
import { newScript, ownScript, scriptFor, trusted } from "./io/script.ts";
import { attempt, CHOICES, loadCookies, readCookies, writeCookie } from "./io/storage.ts";
import { idle, wait } from "./io/wait.ts";
import { addStyles, button, el, shadow } from "./ui/nodes.ts";

// By place and not by name: names of properties are not shortened.
export const shared = [
  addStyles,
  announce,
  answerAll,
  askedIds,
  attempt,
  button,
  CHOICES,
  codeOf,
  hasDatabase,
  DAY,
  decide,
  el,
  encode,
  idle,
  inDatabase,
  isMeant,
  isWaitedFor,
  loadCookies,
  newKey,
  newScript,
  nextSeq,
  now,
  own,
  ownScript,
  readCookies,
  readKept,
  saveChoices,
  scriptFor,
  shadow,
  trusted,
  wait,
  writeCookie,
] as const;
