// Types of `window.consentManager`, for pages written in TypeScript. See docs/page-api.md.

export interface ConsentDecision {
  allowed: boolean;
  /** Why: granted, notice_given, exempt, no_choice, needs_renewal, partner_refused, … */
  reason: string;
  /** Codes of the data items that must not be given to an allowed tag. */
  withheld: string[];
}

export interface ConsentChoices {
  /** Ids such as `purpose:analytics`, `item:id.cookie`, `partner:google`. */
  granted: string[];
  refused: string[];
  /** Epoch seconds. */
  decided_at: number;
  notice: number;
  with_signal: boolean;
  seq: number;
}

export interface ConsentMaps {
  purposes?: Record<string, boolean>;
  data_items?: Record<string, boolean>;
  partners?: Record<string, boolean>;
}

export interface ConsentEvents {
  ready: { choices: ConsentChoices | null; decisions: Record<string, ConsentDecision> };
  change: {
    choices: ConsentChoices | null;
    /** How it was decided here; null when it came from another tab or from the service. */
    method: "allow" | "refuse" | "choose" | "withdraw" | "signal" | null;
    allowed: string[];
    denied: string[];
    /** Withdrawn tags whose scripts had run: the page is about to be loaded again. */
    needs_reload: string[];
  };
  tag: { tag: string } & ConsentDecision;
  error: { code: string; status: number };
}

export interface ConsentManager {
  get(): {
    choices: ConsentChoices | null;
    decisions: Record<string, ConsentDecision>;
    notice: number;
    gpc: boolean;
  };
  on<K extends keyof ConsentEvents>(
    name: K,
    listener: (detail: ConsentEvents[K]) => void,
  ): () => void;
  ready(): Promise<void>;
  show(): Promise<void>;
  why(tag: string): ConsentDecision;
  set(maps: ConsentMaps): Promise<{ recorded: boolean; ignored: string[] }>;
  /** Partner → kind → value. Answers the partners for which they are kept. */
  identify(identifiers: Record<string, Record<string, string>>): Promise<{ kept: string[] }>;
}

declare global {
  interface Window {
    readonly consentManager: ConsentManager;
  }
  interface DocumentEventMap {
    "cm:ready": CustomEvent<ConsentEvents["ready"]>;
    "cm:change": CustomEvent<ConsentEvents["change"]>;
    "cm:tag": CustomEvent<ConsentEvents["tag"]>;
    "cm:error": CustomEvent<ConsentEvents["error"]>;
  }
}
