// Tells two orders from one order sent twice (tag `fraud_guard`, strictly necessary): a number for
// this tab, which goes to the shop with an order and nowhere else.

(() => {
  let number = "";
  try {
    number = sessionStorage.getItem("kloset_guard") ?? crypto.randomUUID();
    sessionStorage.setItem("kloset_guard", number);
  } catch {
    // Without storage every order counts as its own.
  }
  for (const field of document.querySelectorAll('input[name="guard"]')) field.value = number;
})();
