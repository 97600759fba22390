// Pointing at a time shows it in the reader's own zone.

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export const begin = () => {
  document.addEventListener("pointerover", (event) => {
    const time = event.target.closest?.("time[datetime]");
    if (!time || time.title) return;
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.title = `${time.dateTime}\n${local.format(at)}`;
  });
};
