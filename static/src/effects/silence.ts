// A script that has run cannot be taken back; until the page is loaded again its timers go on. From
// here on the browser itself refuses what they try to send: only the site and the service answer.

export function silence(endpoint: string): void {
  const meta = document.createElement("meta");
  meta.httpEquiv = "Content-Security-Policy";
  meta.content = ["connect", "img", "frame", "media"]
    .map((kind) => `${kind}-src 'self' ${endpoint}`)
    .join(";");
  document.head.append(meta);
}
