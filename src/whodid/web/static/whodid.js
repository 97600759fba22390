// Comfort only; every page works without it. `/` goes to the search box, and pointing at a time
// shows it in the reader's own zone.

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const box = document.getElementById("q");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

document.addEventListener("pointerover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (!time || time.title) return;
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) time.title = `${time.dateTime}\n${local.format(at)}`;
});
