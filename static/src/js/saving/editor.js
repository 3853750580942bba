// The editor of a campaign: saved as you write, under the version that this tab knows.
import { word } from "../page.js";
import * as banners from "./banners.js";
import { changedBetween, fill, hidden, makeReadOnly, pairs, written } from "./fields.js";
import { kept } from "./kept.js";
import { lock } from "./lock.js";
import { ask } from "./server.js";

const PAUSE_MS = 900;
const KEEP_MS = 250;
const RETRY_MS = [2000, 4000, 8000, 15_000, 30_000];
const SIGNED_OUT_MS = 5000;

/** A form that saves itself to data-autosave-url. The answer is JSON {saved, version} or {error}; what others saved
 * meanwhile in other fields is taken over, in the same ones it stops the saving until the writer has compared both.
 * Fires "autosaved"; "readonly" when somebody else has taken over. */
export function editor(form) {
  const state = document.querySelector("[data-save-state]");
  const { version } = form.elements;
  const [tabField, changedField] = [hidden(form, "tab"), hidden(form, "changed")];
  const browser = kept(form.dataset);
  const isRefused = "refused" in form.dataset; // a page that shows what was wrong: what it says was not saved
  let saved = written(form);
  let [timer, keeping, failures] = [0, 0, 0];
  let saving = null;
  let overtaken = form.dataset.refused === "conflict";
  let [leaving, readOnly, stale] = [false, false, false];
  let ownTab = false; // who is writing is the same person, in another tab

  const isUnsaved = () => written(form) !== saved;
  const changed = () => (isRefused ? null : changedBetween(saved, written(form)).join(","));

  function say(text, kind) {
    state.textContent = text;
    state.dataset.state = kind;
  }

  function body(by) {
    const data = new FormData(form);
    if (isRefused) data.delete("changed");
    else data.set("changed", changed());
    data.set("tab", holder.tab);
    data.set("writer", form.dataset.writer);
    if (by) data.set("by", by);
    return () => {
      data.set("csrf_token", form.elements.csrf_token.value);
      return data;
    };
  }

  /** Whether the page may go on as it is; false when the writer has to look at what the server says. */
  async function save(by) {
    const sent = written(form);
    say(word("saving"), "saving");
    const { kind, answer } = await ask(form.dataset.autosaveUrl, body(by), form);
    failures = kind === "away" ? failures + 1 : 0;
    if (kind === "done") return done(sent, answer);
    if (kind === "away") return again(word(browser.isPossible ? "offline" : "offlineTab"), RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]);
    if (kind === "signedOut") return again(word("signedOut"), SIGNED_OUT_MS);
    if (kind === "putOut") return putOut(`${answer.error} ${answer.kept ?? ""}`, answer.url);
    overtaken = kind === "conflict";
    say(overtaken ? word("conflict") : answer.error ?? word("notSaved"), "error");
    if (overtaken) banners.note(answer.error, answer.url);
    return false;
  }

  function done(sent, answer) {
    const unchanged = written(form) === sent;
    stale ||= Boolean(answer.reload);
    if (!stale) version.value = answer.version; // a stale page must go on being compared
    if (unchanged) fill(form, answer.theirs ?? {});
    saved = unchanged ? written(form) : sent;
    say(`${word("saved")} ${answer.saved}`, "saved");
    form.dispatchEvent(new CustomEvent("autosaved", { bubbles: true }));
    if (!unchanged) later();
    else browser.drop().then(() => { if (stale) reload(); });
    return true;
  }

  function again(sentence, pause) {
    say(sentence, "error");
    clearTimeout(timer);
    timer = setTimeout(begin, pause);
    return true;
  }

  /** Somebody else is writing now: what is here can be read and copied. */
  function putOut(sentence, link) {
    clearTimeout(timer);
    readOnly = true;
    saved = written(form);
    browser.drop();
    makeReadOnly(form);
    holder.watch();
    say(word("readOnly"), "idle");
    banners.held(sentence, { link, take: () => holder.take() });
    return true;
  }

  function reload() {
    leaving = true;
    location.reload();
  }

  function start(by) {
    saving = save(by).finally(() => { saving = null; });
    return saving;
  }

  function begin() {
    if (saving || overtaken || readOnly || !isUnsaved()) return;
    start();
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => (saving ? later() : begin()), PAUSE_MS);
  }

  function keep() {
    clearTimeout(keeping);
    keeping = setTimeout(() => {
      if (!isUnsaved() || readOnly) return;
      browser.save({ version: version.value, format: form.elements.format?.value, changed: changed(), fields: pairs(form) });
    }, KEEP_MS);
  }

  function noticed() {
    if (readOnly) return;
    holder.active();
    keep();
    later();
  }

  async function told({ mine, held, own, version: now, draft }) {
    ownTab = own;
    if (leaving) return;
    if (saving) await saving;
    if (mine && readOnly) reload();
    else if (held && !readOnly) await (isUnsaved() && !overtaken ? start() : putOut(held));
    else if (held) banners.held(held, { take: () => holder.take() });
    else if (readOnly) banners.free(word("canEdit"));
    else if ((now > Number(version.value) || !draft) && !isUnsaved() && !overtaken && !isRefused && !saving) reload();
  }

  /** Offers what a crash left in this browser; the server merges it into the draft as it is now. */
  async function recover() {
    const found = await browser.read();
    if (!found) return;
    if (JSON.stringify(found.fields) === saved) {
      browser.drop();
      return;
    }
    banners.recovery(word("unsavedAt", { time: moment(found.at) }), { use: () => bringBack(found), drop: () => browser.drop() });
  }

  async function bringBack(found) {
    if (readOnly && ownTab) {
      leaving = true; // for a new page, once what was found is saved
      await holder.take(); // the tab that crashed is taken to be there for a while
    }
    const fields = () => {
      const data = new FormData();
      for (const [name, value] of found.fields) data.append(name, value);
      const more = { version: found.version, format: found.format, changed: found.changed, tab: holder.tab, writer: form.dataset.writer };
      for (const [name, value] of Object.entries(more)) if (value !== null && value !== undefined) data.set(name, value);
      data.set("csrf_token", form.elements.csrf_token.value);
      return data;
    };
    const { kind, answer } = await ask(form.dataset.autosaveUrl, fields, form);
    if (["done", "conflict", "putOut"].includes(kind)) await browser.drop();
    leaving = false;
    if (kind === "done") reload();
    else if (kind === "putOut") putOut(`${answer.error} ${answer.kept ?? ""}`, answer.url);
    else if (kind === "conflict") banners.note(answer.error, answer.url);
    else say(answer.error ?? word("notSaved"), "error");
  }

  const holder = lock(form, told);
  tabField.value = holder.tab;
  if (isRefused) changedField.remove();
  recover();

  form.addEventListener("input", noticed);
  form.addEventListener("change", noticed);
  for (const field of form.elements) if (!form.contains(field)) field.addEventListener("input", noticed); // the name, in the heading
  addEventListener("online", begin);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && failures) begin(); });

  function leave(submitter) {
    leaving = true;
    form.requestSubmit(submitter);
  }

  // Saving by hand stays on the page, and going on to the check saves first: while the server is away, the writer
  // stays here too. Only where a field is wrong or somebody else has saved is the form sent as a page, whose answer
  // shows which; it is marked data-refused, and is left by the next save.
  form.addEventListener("submit", async (event) => {
    const { submitter } = event;
    const isGoing = submitter?.name === "then";
    clearTimeout(timer);
    if (leaving || (!saving && (overtaken || isRefused || (isGoing && !isUnsaved())))) {
      changedField.value = changed() ?? "";
      saved = written(form);
      return;
    }
    event.preventDefault();
    if (saving) await saving;
    clearTimeout(timer);
    if (readOnly) return;
    const mayStay = !overtaken && !isRefused && (await start("hand"));
    if (!mayStay || (isGoing && !readOnly && !isUnsaved())) leave(submitter);
  });
  addEventListener("beforeunload", (event) => { if (!leaving && isUnsaved()) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit(document.querySelector(`button[form="${form.id}"][name="then"]`));
  });
}

function moment(at) {
  const zone = document.documentElement.dataset.zone || undefined;
  return new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(new Date(at));
}
