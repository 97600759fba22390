// Elements made by hand, and parts of pages that our server sent. What comes from outside is always
// text or comes through a parser that runs nothing.

export const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

// The nodes of a part, and whether it is what was asked for: an error is a page, of which this is
// its middle. Whoever is not logged in any more is led to the login.
export const part = async (address, options = {}) => {
  const answer = await fetch(address, options);
  if (answer.redirected && new URL(answer.url).pathname === "/login") {
    location.reload();
    return { ok: false, nodes: [] };
  }
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const middle = answer.ok ? parsed.body : parsed.querySelector("main") ?? parsed.body;
  return { ok: answer.ok, nodes: [...middle.childNodes] };
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
