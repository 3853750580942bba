// Keys for the daily work; they keep quiet while somebody types.
import { show } from "./dialogs.js";
import { isTyping } from "./page.js";

const GO = { h: "/", c: "/campaigns", p: "/people" };
let pending = false;

function save(event) {
  const form = document.activeElement?.closest?.("form[method=post]") ?? document.querySelector('form[data-behaviour~="autosave"], form[data-behaviour~="unsaved"]');
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
  if (first && GO[event.key]) return location.assign(GO[event.key]);
  if (pending) setTimeout(() => { pending = false; }, 1200);
  if (event.key === "?") return show(document.getElementById("shortcuts"));
  if (event.key === "c") return location.assign("/campaigns/new");
  const field = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select?.();
});
