// Who is writing: this tab says every few seconds that it is there, and hears whether it still is the one.
import { ask } from "./server.js";

const BEAT_MS = 15_000;
const IDLE_MS = 300_000; // in the background without a change: whoever else wants to write may

/** Keeps this tab the one that writes. `told({mine, held, version, draft})` hears each answer.
 * Gives {tab, take(), active()}: `take` puts out whoever is writing, `active` notes that something was changed. */
export function lock(form, told) {
  const [url, memory] = [form.dataset.editingUrl, `columba-tab-${form.dataset.campaign}`];
  const tab = crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const was = remembered(memory);
  let [activeAt, isActive, isWatching, ended] = [Date.now(), true, false, false];

  function fields(more) {
    const data = new FormData();
    for (const [name, value] of Object.entries({ tab, was, writer: form.dataset.writer, csrf_token: token(), ...(isActive && { active: 1 }), ...(isWatching && { watch: 1 }), ...more })) data.set(name, value);
    return data;
  }

  async function beat(more = {}) {
    if (ended) return;
    const { kind, answer } = await ask(url, () => fields(more), form);
    isActive = false;
    if (kind !== "done") return;
    if (answer.mine) remember(memory, tab);
    else isWatching = true;
    told(answer);
  }

  const timer = setInterval(() => {
    if (document.hidden && Date.now() - activeAt > IDLE_MS) return;
    beat();
  }, BEAT_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });
  addEventListener("pagehide", () => {
    if (!isWatching) navigator.sendBeacon(`${url}/delete`, fields());
  });
  beat();
  return {
    tab,
    take: () => { isWatching = false; return beat({ take: 1 }); },
    active: () => { [activeAt, isActive] = [Date.now(), true]; },
    watch: () => { isWatching = true; },
    end: () => { ended = true; clearInterval(timer); },
  };
}

function token() {
  return document.querySelector('meta[name="csrf-token"]').content;
}

// The tab's name before it was loaded anew: so that a reload isn't taken for a second tab.
function remembered(name) {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

function remember(name, tab) {
  try {
    sessionStorage.setItem(name, tab);
  } catch { /* private windows may have none */ }
}
