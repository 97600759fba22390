// What happened around an event, by its actor, session, resource or source: each link brings the
// events before and after to where it stands.

import { part } from "./element.js";

const bring = async (link) => {
  const card = link.closest(".around");
  const place = card.querySelector(".around-rows");
  card.querySelectorAll("a[aria-current]").forEach((one) => one.removeAttribute("aria-current"));
  link.setAttribute("aria-current", "true");
  place.setAttribute("aria-busy", "true");
  const address = new URL(link.href);
  address.searchParams.set("fragment", "1");
  try {
    const nodes = await part(address);
    if (link.hasAttribute("aria-current")) place.replaceChildren(...nodes);
  } catch {
    place.textContent = "The server cannot be reached. Try again.";
  } finally {
    place.removeAttribute("aria-busy");
  }
};

export const begin = () => {
  document.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest(".around nav a");
    if (!link) return;
    event.preventDefault();
    bring(link);
  });
};
