// Elements made by hand, and parts of pages that our server sent. What comes from outside is always
// text or comes through a parser that runs nothing.

export const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

// A page of ours, parsed; null for whoever is not logged in any more, who is led to the login.
const fetched = async (address, options) => {
  const answer = await fetch(address, options);
  if (answer.redirected && new URL(answer.url).pathname === "/login") {
    location.reload();
    return { ok: false, parsed: null };
  }
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { ok: answer.ok, parsed };
};

export const page = async (address) => {
  const { ok, parsed } = await fetched(address, {});
  return ok ? parsed : null;
};

// The nodes of a part of a page. An error is a page too, of which these are its middle.
export const part = async (address, options = {}) => {
  const { ok, parsed } = await fetched(address, options);
  const middle = ok ? parsed.body : parsed?.querySelector("main");
  return [...(middle?.childNodes ?? [])];
};

// Says something to a screen reader, and to nobody else.
let said = null;
export const say = (text) => {
  if (!said) {
    said = element("p", { class: "hidden", role: "status" });
    document.body.append(said);
  }
  said.textContent = text;
};
