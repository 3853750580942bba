// Long forms: saved as you write, and never lost by leaving.
import { announce, send, snapshot, word } from "./page.js";

const PAUSE_MS = 900;

/** A POST form that saves itself to data-autosave-url (or its action) when its writer pauses.
 * The answer may be JSON {saved: "14:02"}; any other success is taken as saved now. Fires "autosaved" on the form. */
export function autosave(form) {
  const state = form.querySelector("[data-save-state]") ?? document.querySelector("[data-save-state]");
  let saved = snapshot(form);
  let timer = 0;
  let running = false;

  const say = (text, kind) => {
    if (!state) return;
    state.textContent = text;
    state.dataset.state = kind;
  };

  async function save() {
    const now = snapshot(form);
    if (now === saved || running) return;
    running = true;
    say(word("saving"), "saving");
    try {
      const response = await send(form.dataset.autosaveUrl ?? form.action, new FormData(form));
      if (response.redirected && /sign-in/.test(response.url)) return say(word("signedOut"), "error");
      if (!response.ok) return say(await problem(response), "error");
      saved = now;
      say(`${word("saved")} ${await savedAt(response)}`, "saved");
      form.dispatchEvent(new CustomEvent("autosaved", { bubbles: true }));
    } catch {
      say(word("notSaved"), "error");
    } finally {
      running = false;
      if (snapshot(form) !== now) schedule();
    }
  }

  function schedule() {
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE_MS);
  }

  form.addEventListener("input", schedule);
  form.addEventListener("change", schedule);
  form.addEventListener("submit", () => { clearTimeout(timer); saved = snapshot(form); });
  addEventListener("beforeunload", (event) => { if (snapshot(form) !== saved) event.preventDefault(); });
}

async function problem(response) {
  if (!response.headers.get("Content-Type")?.includes("json")) return word("refused");
  const answer = await response.json();
  return answer.error ?? word("refused");
}

async function savedAt(response) {
  if (response.headers.get("Content-Type")?.includes("json")) {
    const answer = await response.json();
    if (answer.saved) return answer.saved;
  }
  const zone = document.documentElement.dataset.zone || undefined;
  return new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(new Date());
}

/** Asks before leaving a form with changes that were not sent; one that was refused (data-refused) is as it was sent. */
export function unsaved(form) {
  const before = "refused" in form.dataset ? null : snapshot(form);
  let sent = false;
  form.addEventListener("submit", () => { sent = true; });
  addEventListener("beforeunload", (event) => {
    if (!sent && snapshot(form) !== before) event.preventDefault();
  });
}

/** A select whose options htmx fetches anew: the one that was chosen stays, or the page hears of another. */
export function renewed(select) {
  let before = select.value;
  select.addEventListener("htmx:beforeSwap", () => { before = select.value; });
  select.addEventListener("htmx:afterSwap", () => {
    if ([...select.options].some(({ value }) => value === before)) select.value = before;
    else select.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

/** Numbers beside the lines of a field that does not wrap; `?line=7` in the address marks that line. */
export function lineNumbers(field) {
  const box = document.createElement("div");
  const gutter = document.createElement("div");
  box.className = "numbered";
  gutter.className = "line-numbers";
  gutter.setAttribute("aria-hidden", "true");
  field.before(box);
  box.append(gutter, field);
  let shown = 0;
  const update = () => {
    const lines = field.value.split("\n").length;
    if (lines !== shown) gutter.textContent = Array.from({ length: lines }, (_, at) => at + 1).join("\n");
    shown = lines;
    gutter.scrollTop = field.scrollTop;
  };
  field.addEventListener("input", update);
  field.addEventListener("scroll", update);
  update();
  const wanted = Number(new URLSearchParams(location.search).get("line"));
  if (wanted > 0 && location.hash === `#${field.id}`) mark(field, wanted);
}

function mark(field, line) {
  const lines = field.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  field.focus();
  field.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
  field.scrollTop = Math.max(0, (line - 5) * parseFloat(getComputedStyle(field).lineHeight));
}

/** Rows chosen by checkbox: the bar shows how many, and only when there are any. */
export function bulk(form) {
  const bar = form.querySelector("[data-bulk-bar]");
  const all = form.querySelector("[data-select-all]");
  const rows = () => [...form.querySelectorAll("tbody .check-cell input")];
  const update = () => {
    const chosen = rows().filter((row) => row.checked).length;
    bar.hidden = !chosen;
    const text = word("selected", { n: chosen });
    form.querySelector("[data-bulk-count]").textContent = text;
    if (chosen) announce(text);
    if (!all) return;
    all.checked = chosen > 0 && chosen === rows().length;
    all.indeterminate = chosen > 0 && chosen < rows().length;
  };
  if (all) {
    all.hidden = false;
    all.addEventListener("change", () => { rows().forEach((row) => { row.checked = all.checked; }); });
  }
  form.addEventListener("change", update);
  update();
}

const AGAIN_MS = 10_000;

/** A form that was sent a moment ago isn't sent again: a double click schedules one email, not two. */
export function sendOnce() {
  let sent = new WeakMap();
  addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
    if (Date.now() - (sent.get(form) ?? -AGAIN_MS) < AGAIN_MS) event.preventDefault();
    else sent.set(form, Date.now());
  });
  addEventListener("pageshow", () => { sent = new WeakMap(); }); // brought back by the back button
}
