// Unsaved changes, kept in this browser (IndexedDB) until the server has them: a crash or an hour offline loses nothing.
// They are encrypted under a key that only the operator's own pages carry, so that on a shared computer nobody else
// reads them; signing out deletes them. Without HTTPS browsers have no encryption, and nothing is kept.

const [NAME, STORE] = ["columba-unsaved", "drafts"];
const MOST = 20; // drafts
const LARGEST = 4_000_000; // characters
const DAYS = 14;

/** What is kept for one draft: `save(values)`, `read()` gives them or null, `drop()`. `values` must survive JSON. */
export function kept({ writer, campaign, key }) {
  const id = `${writer}:${campaign}`;
  const cipher = globalThis.crypto?.subtle ? crypto.subtle.importKey("raw", bytes(key), "AES-GCM", false, ["encrypt", "decrypt"]) : null;
  let last = Promise.resolve();
  const inTurn = (act) => { last = last.then(act).catch(() => null); return last; };

  return {
    isPossible: Boolean(cipher && globalThis.indexedDB),
    save: (values) => inTurn(async () => {
      const text = JSON.stringify(values);
      if (!cipher || text.length > LARGEST) return;
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await cipher, new TextEncoder().encode(text));
      await inStore("readwrite", (store) => store.put({ id, at: Date.now(), iv, box }));
      await shorten();
    }),
    read: () => inTurn(async () => {
      if (!cipher) return null;
      const found = await inStore("readonly", (store) => store.get(id));
      if (!found || Date.now() - found.at > DAYS * 86_400_000) return null;
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: found.iv }, await cipher, found.box);
      return { at: found.at, ...JSON.parse(new TextDecoder().decode(plain)) };
    }),
    drop: () => inTurn(() => inStore("readwrite", (store) => store.delete(id))),
  };
}

const FORGET_MS = 500;

/** A form that signs out: what this browser keeps is deleted first. */
export function forget(form) {
  form.addEventListener("submit", async (event) => {
    if (!globalThis.indexedDB) return;
    event.preventDefault();
    const done = answered(indexedDB.deleteDatabase(NAME)).catch(() => null);
    await Promise.race([done, new Promise((resolve) => { setTimeout(resolve, FORGET_MS); })]);
    form.submit();
  });
}

async function shorten() {
  const all = await inStore("readonly", (store) => store.getAll());
  const old = all.sort((one, other) => other.at - one.at).filter(({ at }, place) => place >= MOST || Date.now() - at > DAYS * 86_400_000);
  for (const { id } of old) await inStore("readwrite", (store) => store.delete(id));
}

async function inStore(mode, act) {
  const database = await opened();
  try {
    return await answered(act(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close(); // so that signing out in another tab can delete it
  }
}

function opened() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
  return answered(request);
}

function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function bytes(hex) {
  return new Uint8Array((hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16)));
}
