// Puts scripts on the page under a strict page policy: the page's nonce is passed on, and where
// Trusted Types are required, addresses and texts go through our policy `consentmgr`. What goes
// through it is either an address of the notice or markup that the page itself was served with.

interface Policy {
  createScriptURL(url: string): string;
  createScript(text: string): string;
}

declare const trustedTypes: { createPolicy(name: string, rules: Policy): Policy };

const same = (text: string) => text;
const plain: Policy = { createScriptURL: same, createScript: same };
let policy: Policy | undefined;

export function trusted(): Policy {
  try {
    return (policy ??= trustedTypes.createPolicy("consentmgr", plain));
  } catch {
    // A browser without them, or a page whose list leaves ours out: that one refuses the script itself.
    return (policy = plain);
  }
}

export const ownScript = document.currentScript as HTMLScriptElement | null;

export function newScript(url: string | null, nonce: string | undefined): HTMLScriptElement {
  const script = document.createElement("script");
  if (url) script.src = trusted().createScriptURL(url);
  if (nonce) script.nonce = nonce;
  return script;
}

/** A script for an address that the notice or the loader itself names. */
export function scriptFor(url: string): HTMLScriptElement {
  return newScript(url, ownScript?.nonce);
}
