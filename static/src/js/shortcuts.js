// Keys for the daily work; they keep quiet while somebody types.
import { show } from "./dialogs.js";
import { isTyping } from "./page.js";

// Where the keys lead stands in the dialog under ?: links with data-keys.
const link = (keys) => document.querySelector(`#shortcuts a[data-keys="${CSS.escape(keys)}"]`);
let pending = false;

function save(event) {
  const form = document.activeElement?.closest?.("form[method=post]") ?? document.querySelector('form[data-behaviour~="editor"], form[data-behaviour~="autosave"], form[data-behaviour~="unsaved"]');
  if (!form) return;
  event.preventDefault();
  form.requestSubmit();
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") return save(event);
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (!document.body.classList.contains("app")) return;
  const first = pending;
  pending = event.key === "g";
  const goal = link(first ? `g ${event.key}` : event.key);
  if (goal) return location.assign(goal.href);
  if (pending) setTimeout(() => { pending = false; }, 1200);
  if (event.key === "?") return show(document.getElementById("shortcuts"));
  const field = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select?.();
});
