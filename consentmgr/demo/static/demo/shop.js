// The shop's own script: hands partners' tags what they may have, and nothing that is withheld.

(() => {
  /** Values by data item, as far as this page and this visit have them. */
  function known() {
    const { content, purchase, member } = document.body.dataset;
    const before = document.referrer.startsWith(location.origin)
      ? new URL(document.referrer).pathname
      : "";
    return {
      "activity.content": content,
      "activity.purchase": purchase,
      "activity.sequence": before && `${before} → ${location.pathname}`,
      ...JSON.parse(member),
    };
  }

  window.kloset = {
    dataFor(tag, items) {
      // Without the consent manager nothing is known to be allowed.
      const withheld = window.consentManager?.why(tag).withheld ?? items;
      return Object.fromEntries(
        Object.entries(known()).filter(
          ([item, value]) => value && items.includes(item) && !withheld.includes(item),
        ),
      );
    },
  };

  // The recommendations are the work of a partner's tag: no tag, no shelf.
  addEventListener("kloset:tag", (event) => {
    const shelf = document.getElementById("recommended");
    if (shelf && event.detail.tag === "karte") shelf.hidden = false;
  });
})();
