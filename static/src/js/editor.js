// The editor of a campaign: saved as you write, under the version that this tab knows.
import { send, snapshot, word } from "./page.js";

const PAUSE_MS = 900;

/** A form that saves itself to data-autosave-url. The answer is JSON {saved, version} or {error}; a version that
 * somebody else has overtaken stops the saving until the writer has compared both. Fires "autosaved". */
export function editor(form) {
  const state = document.querySelector("[data-save-state]");
  const version = form.elements.version;
  let saved = snapshot(form);
  let timer = 0;
  let saving = null;
  let overtaken = false;
  let leaving = false;

  function say(text, kind) {
    state.textContent = text;
    state.dataset.state = kind;
  }

  /** Whether the page may go on as it is; false when the writer has to look at what the server says. */
  async function save() {
    const sent = snapshot(form);
    say(word("saving"), "saving");
    const response = await send(form.dataset.autosaveUrl, new FormData(form));
    if (response.redirected) {
      say(word("signedOut"), "error");
      return true;
    }
    const isJson = response.headers.get("Content-Type")?.includes("json");
    const answer = isJson ? await response.json() : {};
    if (!response.ok) {
      overtaken = response.status === 409;
      say(answer.error ?? word("notSaved"), "error");
      return !isJson;
    }
    const unchanged = snapshot(form) === sent;
    version.value = answer.version;
    saved = unchanged ? snapshot(form) : "";
    say(`${word("saved")} ${answer.saved}`, "saved");
    form.dispatchEvent(new CustomEvent("autosaved", { bubbles: true }));
    if (!unchanged) later();
    return true;
  }

  function start() {
    const failed = () => {
      say(word("notSaved"), "error");
      return true;
    };
    saving = save().catch(failed).finally(() => { saving = null; });
    return saving;
  }

  function begin() {
    if (saving || overtaken || snapshot(form) === saved) return;
    start();
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => (saving ? later() : begin()), PAUSE_MS);
  }

  form.addEventListener("input", later);
  form.addEventListener("change", later);
  for (const field of form.elements) if (!form.contains(field)) field.addEventListener("input", later); // the name, in the heading
  function leave(submitter) {
    leaving = true;
    form.requestSubmit(submitter);
  }

  // A save that is under way brings a new version: what the writer sends by hand must carry it. Saving by hand
  // stays on the page, unless a field is wrong or somebody else has saved: the page of the answer shows which,
  // is marked data-refused, and is left by the next save.
  form.addEventListener("submit", async (event) => {
    const { submitter } = event;
    const goesOn = () => overtaken || "refused" in form.dataset || submitter?.name === "then";
    clearTimeout(timer);
    if (leaving || (!saving && goesOn())) {
      saved = snapshot(form);
      return;
    }
    event.preventDefault();
    if (saving) await saving;
    clearTimeout(timer);
    if (goesOn() || !(await start())) leave(submitter);
  });
  addEventListener("beforeunload", (event) => { if (snapshot(form) !== saved) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit(document.querySelector(`button[form="${form.id}"][name="then"]`));
  });
}
