// Small improvements, one function each.
import { announce, word } from "./page.js";

export function theme(row) {
  row.hidden = false;
  const buttons = [...row.querySelectorAll("[data-theme]")];
  const mark = (chosen) => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.theme === chosen)));
  const stored = () => { try { return localStorage.getItem("theme") ?? "system"; } catch { return "system"; } };
  mark(stored());
  row.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-theme]")?.dataset.theme;
    if (!chosen) return;
    if (chosen === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", chosen);
    mark(chosen);
    dispatchEvent(new Event("themechange"));
  });
}

export function copy(button) {
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.text);
    button.dataset.copied = "";
    announce(word("copied"));
    setTimeout(() => delete button.dataset.copied, 1500);
  });
}

export function dismiss(button) {
  button.hidden = false;
  button.addEventListener("click", () => button.closest(".flash, .callout").remove());
}

export function password(row) {
  const button = row.querySelector("button");
  const input = row.querySelector("input");
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
}

/** The summary of a form's errors takes the focus when the page comes back with it. */
export function focus(element) {
  element.focus({ preventScroll: false });
}

/** Fills in the browser's zone where none was chosen yet. */
export function timezone(input) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = input.tagName !== "SELECT" || [...input.options].some((option) => option.value === zone);
  if (zone && known && (!input.value || input.dataset.guess === "always")) input.value = zone;
}

/** A form of filters sends itself when one changes; its button is needed only without script. */
export function autosubmit(form) {
  form.querySelectorAll("[data-autosubmit-hides]").forEach((element) => { element.hidden = true; });
  form.addEventListener("change", () => form.requestSubmit());
}

/** Shows this element only while the field named in data-when has one of the values in data-is. */
export function reveal(element) {
  const form = element.closest("form") ?? document;
  const wanted = (element.dataset.is ?? "on y true 1").split(" ");
  const update = () => {
    const chosen = [...form.querySelectorAll(`[name="${element.dataset.when}"]`)].filter((field) => !/^(checkbox|radio)$/.test(field.type) || field.checked);
    element.hidden = !chosen.some((field) => wanted.includes(field.value));
  };
  form.addEventListener("change", update);
  update();
}

/** A button that says how many the checked boxes stand for together. */
export function tally(form) {
  const button = form.querySelector("button[data-many]");
  if (!button) return;
  const update = () => {
    const number = [...form.querySelectorAll("input[data-number]:checked")].reduce((sum, box) => sum + Number(box.dataset.number), 0);
    button.lastChild.textContent = (number === 1 ? button.dataset.one : button.dataset.many).replace("{n}", number);
    button.disabled = number === 0;
  };
  form.addEventListener("change", update);
  update();
}

/** Counts down to data-until (ISO); when it is over, what data-ends says: "hide" or "reload". */
export function countdown(element) {
  const until = Date.parse(element.dataset.until);
  const tick = () => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    element.textContent = word("seconds", { n: left });
    if (left) return;
    clearInterval(timer);
    if (element.dataset.ends === "reload") location.reload();
    else element.closest("[data-countdown-box]")?.setAttribute("hidden", "");
  };
  const timer = setInterval(tick, 1000);
  tick();
}

/** A ring that empties until data-until; a minute is the whole of it. */
export function ring(circle) {
  const until = Date.parse(circle.dataset.until);
  const tick = () => {
    const left = Math.max(0, until - Date.now());
    circle.setAttribute("stroke-dasharray", `${Math.min(100, left / 600)} 100`);
    if (left && circle.isConnected) setTimeout(tick, 250);
  };
  tick();
}

/** A row of tabs that is wider than the page shows the current one. */
export function tabs(row) {
  const current = row.querySelector('[aria-current="page"]');
  if (current) row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.offsetWidth) / 2;
}

export function drop(box) {
  const input = box.querySelector('input[type="file"]');
  const over = (on) => { if (on) box.dataset.over = ""; else delete box.dataset.over; };
  box.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  box.addEventListener("dragleave", () => over(false));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    announce(word("chosen", { name: input.files[0].name }));
  });
  if (input.dataset.largest) refuseTooLarge(box, input);
}

/** A file that the server would refuse is refused here: nothing is sent, and the form stays as it is. */
function refuseTooLarge(box, input) {
  const note = document.createElement("p");
  note.className = "error";
  note.setAttribute("role", "alert");
  const isTooLarge = () => [...input.files].some((file) => file.size > Number(input.dataset.largest));
  const update = () => {
    note.textContent = isTooLarge() ? input.dataset.tooLarge : "";
    if (isTooLarge()) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  box.after(note);
  input.addEventListener("change", update);
  input.form.addEventListener("submit", (event) => {
    if (!isTooLarge()) return;
    event.preventDefault();
    input.focus();
  });
}

/** A choice that proposes a value for another field, as long as that still has one of the proposed ones. */
export function proposes(select) {
  const proposals = JSON.parse(select.dataset.proposals);
  const field = document.getElementById(select.dataset.for);
  select.addEventListener("change", () => {
    if (!field.value || Object.values(proposals).includes(field.value)) field.value = proposals[select.value] ?? field.value;
  });
}

/** A choice that fills in other fields of its form, unless somebody has typed something else there. */
export function preset(select) {
  const presets = JSON.parse(select.dataset.presets);
  const proposed = new Map();
  select.addEventListener("change", () => {
    for (const [name, value] of Object.entries(presets[select.value] ?? {})) {
      const field = select.form.elements[name];
      const isTyped = field.tagName === "INPUT" && field.value && field.value !== (proposed.get(name) ?? field.defaultValue);
      if (isTyped) continue;
      field.value = value;
      proposed.set(name, value);
    }
  });
}

/** A button that puts its value into the field named in data-fill; without script it sends the form instead. */
export function fill(button) {
  button.type = "button"; // Enter in a field means the form's own button
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.fill);
    field.value = button.value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    field.focus();
  });
}

/** Puts a merge tag at the cursor of the target field. */
export function mergeTags(box) {
  box.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    const field = document.getElementById(box.dataset.target);
    if (!button || !field) return;
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (box.tagName === "DETAILS") box.open = false;
    field.focus();
  });
}
