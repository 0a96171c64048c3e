// Did a person do this? Only then may something be granted. A refusal never asks.

/** With an event: the browser made it. Without one: the page is handling a tap or a key press now. */
export const isMeant = (event?: Event): boolean =>
  event ? event.isTrusted : navigator.userActivation?.isActive === true;
