// Buttons that copy: beside each [data-copy], whose text it copies, or what its address answers.

import { element, say } from "./element.js";

const written = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // over plain HTTP there is no clipboard but that of the selection
  const area = element("textarea", { class: "hidden" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("refused");
};

const textOf = async (from) => {
  if (!from.href) return from.textContent;
  const answer = await fetch(from.href);
  if (!answer.ok) throw new Error(answer.statusText);
  return JSON.stringify(await answer.json(), null, 2);
};

export const equip = (root) => {
  for (const from of root.querySelectorAll("[data-copy]")) {
    const name = from.dataset.copy;
    const button = element("button", { type: "button", class: "quiet copy" }, `Copy ${name}`);
    button.addEventListener("click", async () => {
      try {
        await written(await textOf(from));
        button.textContent = "Copied";
        say(`${name} copied`);
      } catch {
        button.textContent = "Could not copy";
        say("That could not be copied");
      }
      setTimeout(() => { button.textContent = `Copy ${name}`; }, 2000);
    });
    from.after(button);
  }
};
