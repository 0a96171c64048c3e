// Did a person do this? Only then may something be granted. A refusal never asks.

/** With an event: the browser made it. Without one: the page is handling a tap or a key press now. */
export function isMeant(event?: Event): boolean {
  return event ? event.isTrusted : navigator.userActivation?.isActive === true;
}

export function hasSignal(): boolean {
  return (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true;
}
