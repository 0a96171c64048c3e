// Keeps the cart (tag `cart_session`, strictly necessary): a cookie that stays on this host.

(() => {
  const name = "kloset_cart";

  const read = () => {
    const pair = document.cookie.split(/; */).find((one) => one.startsWith(`${name}=`));
    return pair ? pair.slice(name.length + 1).split(".").filter(Boolean) : [];
  };
  const show = () => (document.getElementById("cart-count").textContent = read().length);

  for (const button of document.querySelectorAll("[data-add]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const codes = [...read(), button.dataset.add].slice(-20);
      document.cookie = `${name}=${codes.join(".")};Path=/demo/;SameSite=Lax;Max-Age=${7 * 86400}`;
      show();
    });
  }
  show();
})();
