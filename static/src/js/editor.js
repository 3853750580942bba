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

  document.querySelectorAll("[data-needed-without-script]").forEach((element) => { element.hidden = true; });
  document.querySelector("[data-preview-controls]")?.addEventListener("submit", (event) => event.preventDefault());

  function say(text, kind) {
    state.textContent = text;
    state.dataset.state = kind;
  }

  async function save() {
    const sent = snapshot(form);
    say(word("saving"), "saving");
    const response = await send(form.dataset.autosaveUrl, new FormData(form));
    if (response.redirected) return say(word("signedOut"), "error");
    const isJson = response.headers.get("Content-Type")?.includes("json");
    const answer = isJson ? await response.json() : {};
    if (!response.ok) {
      overtaken = response.status === 409;
      return say(answer.error ?? word("notSaved"), "error");
    }
    const unchanged = snapshot(form) === sent;
    version.value = answer.version;
    saved = unchanged ? snapshot(form) : "";
    say(`${word("saved")} ${answer.saved}`, "saved");
    form.dispatchEvent(new CustomEvent("autosaved", { bubbles: true }));
    if (!unchanged) later();
  }

  function begin() {
    if (saving || overtaken || snapshot(form) === saved) return;
    saving = save().catch(() => say(word("notSaved"), "error")).finally(() => { saving = null; });
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => (saving ? later() : begin()), PAUSE_MS);
  }

  form.addEventListener("input", later);
  form.addEventListener("change", later);
  // A save that is under way brings a new version: what the writer sends by hand must carry it.
  form.addEventListener("submit", async (event) => {
    clearTimeout(timer);
    if (saving) {
      event.preventDefault();
      await saving;
      clearTimeout(timer);
      form.requestSubmit(event.submitter);
      return;
    }
    saved = snapshot(form);
  });
  addEventListener("beforeunload", (event) => { if (snapshot(form) !== saved) event.preventDefault(); });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit(document.querySelector(`button[form="${form.id}"][name="then"]`));
  });
}
