// The preview of an email: shown again when its reader or its look changes, and while it is written.
import { markFault } from "../merge/faults.js";
import { send } from "../page.js";

const PAUSE_MS = 0; // keys that come at once are seen together; while a request is on its way, all others wait for its answer

/** An iframe that shows data-src again after each autosave and when a [data-preview-with] field changes. With
 * data-unsaved it also shows what the form "editor" has before it is saved, as JSON {page, sender, subject, preheader, faults}. */
export function preview(frame) {
  document.querySelectorAll("[data-needed-without-script]").forEach((element) => { element.hidden = true; });
  document.querySelector("[data-preview-controls]")?.addEventListener("submit", (event) => event.preventDefault());
  const refresh = () => {
    const top = frame.contentWindow?.scrollY ?? 0;
    frame.addEventListener("load", () => frame.contentWindow?.scrollTo(0, top), { once: true });
    frame.src = asked(frame.dataset.src);
  };
  document.addEventListener("change", (event) => { if (event.target.matches("[data-preview-with]")) refresh(); });
  const form = document.getElementById("editor");
  if (form && frame.dataset.unsaved) asWritten(form, frame);
  else document.addEventListener("autosaved", refresh);
}

/** The address with what the preview is asked to show. */
function asked(address) {
  const url = new URL(address, location.href);
  for (const field of document.querySelectorAll("[data-preview-with]")) if (field.name) url.searchParams.set(field.name, field.value);
  return url.href;
}

/** Shows what is in the form after each keystroke: one request at a time, the last one with the last words. */
function asWritten(form, frame) {
  let timer = 0;
  let running = false;
  let stale = false;

  async function show() {
    if (running) {
      stale = true;
      return;
    }
    running = true;
    stale = false;
    try {
      const response = await send(asked(frame.dataset.unsaved), new FormData(form));
      if (response.ok && !response.redirected) put(frame, await response.json());
    } catch {
      // The editor says when the server is away; the preview keeps what it has.
    } finally {
      running = false;
      if (stale) show();
    }
  }

  let isTouched = "refused" in form.dataset;
  frame.addEventListener("load", () => { if (isTouched) show(); }); // in another look, which begins with what is saved
  if (isTouched) show();
  form.addEventListener("input", () => {
    isTouched = true;
    clearTimeout(timer);
    timer = setTimeout(show, PAUSE_MS);
  });
  document.addEventListener("autosaved", show);
}

/** Replaces what the frame shows. Its document stays, and with it the policy under which nothing in a mail runs, and
 * how far it was scrolled. */
function put(frame, { page, sender, subject, preheader, faults }) {
  Object.entries(faults ?? {}).forEach(([name, sentence]) => markFault(name, sentence));
  const inner = frame.contentDocument;
  if (!page || !inner?.documentElement) return;
  const top = frame.contentWindow.scrollY;
  const next = new frame.contentWindow.DOMParser().parseFromString(page, "text/html"); // under the frame's policy
  try {
    takeAttributes(inner.documentElement, next.documentElement);
    ["head", "body"].forEach((part) => patch(inner[part], next[part]));
  } catch { // a name that only parsers take for one, or a page without a body
    inner.documentElement.innerHTML = page;
  }
  const back = () => frame.contentWindow?.scrollTo(0, top);
  back();
  requestAnimationFrame(back);
  if (sender) say(".inbox-from", sender);
  say(".inbox-subject", subject);
  say(".inbox-preheader", preheader);
}

/** Makes an element what the other one is and leaves alone what is the same, so that little is laid out anew. What differs
 * is parsed by the frame's document: nodes of ours would have lost their style attributes to our policy. */
function patch(old, next) {
  if (old.isEqualNode(next)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = next.nodeValue;
    return;
  }
  takeAttributes(old, next);
  const before = [...old.childNodes];
  const after = [...next.childNodes];
  const isAlike = before.length === after.length && before.every((node, at) => node.nodeName === after[at].nodeName && node.namespaceURI === after[at].namespaceURI);
  if (isAlike) before.forEach((node, at) => patch(node, after[at]));
  else old.innerHTML = next.innerHTML;
}

function takeAttributes(old, next) {
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

function say(place, text) {
  const line = document.querySelector(place);
  if (line && text !== undefined) line.textContent = text;
}

/** Buttons that show the preview as on a phone or a desk. */
export function previewWidth(group) {
  const frame = document.getElementById(group.dataset.frame);
  group.hidden = false;
  group.addEventListener("click", (event) => {
    const width = event.target.closest("[data-width]")?.dataset.width;
    if (!width) return;
    frame.classList.toggle("preview-frame-phone", width === "phone");
    group.querySelectorAll("[data-width]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.width === width)));
  });
}

/** A field that suggests people from data-url, and the buttons beside the select that go through its choices. */
export function previewSearch(field) {
  const found = field.list;
  const select = document.getElementById("preview-as");
  let timer = 0;

  async function look() {
    const url = new URL(field.dataset.url, location.href);
    url.searchParams.set("q", field.value);
    const response = await fetch(url, { credentials: "same-origin" });
    if (!response.ok || response.redirected) return;
    const next = new DOMParser().parseFromString(`<datalist>${await response.text()}</datalist>`, "text/html");
    found.replaceChildren(...next.querySelectorAll("option"));
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    if (field.value.length > 1) timer = setTimeout(() => look().catch(() => {}), 200);
  });
  for (const button of document.querySelectorAll("[data-preview-step]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const { length } = select.options;
      select.selectedIndex = (select.selectedIndex + Number(button.dataset.previewStep) + length) % length;
      field.value = "";
      select.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
  select?.addEventListener("change", () => { field.value = ""; }, { capture: true });
}
