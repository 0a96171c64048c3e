// Time that passes.

export const wait = <T>(ms: number, answer?: T) =>
  new Promise<T>((done) => setTimeout(done, ms, answer));

/** Some time after the frame, when the page has nothing more urgent to do. */
export const idle = (work: () => void) =>
  setTimeout(() => (window.requestIdleCallback ?? setTimeout)(work, { timeout: 1000 } as never), 150);
