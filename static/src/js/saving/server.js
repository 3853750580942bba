// The editor's calls to the server, and what each answer means.
import { send } from "../page.js";

const PATIENCE_MS = 30_000;

/** Sends fields; {kind: "done" | "refused" | "conflict" | "putOut" | "signedOut" | "away", answer}.
 * A page that has expired (somebody signed in again in another tab) is renewed once, then the fields are sent again. */
export async function ask(url, fields, form) {
  const first = await attempt(url, fields);
  if (first.kind !== "expired") return first;
  if (!(await renewed(form))) return { kind: "signedOut", answer: {} };
  const second = await attempt(url, fields);
  return second.kind === "expired" ? { kind: "signedOut", answer: {} } : second;
}

const KINDS = { 401: "signedOut", 409: "conflict", 422: "refused", 423: "putOut" };

async function attempt(url, fields) {
  const response = await Promise.race([send(url, fields()), late()]).catch(() => null);
  if (!response) return { kind: "away", answer: {} };
  if (response.redirected) return { kind: "expired", answer: {} };
  const isJson = response.headers.get("Content-Type")?.includes("json");
  const answer = isJson ? await response.json().catch(() => ({})) : {};
  if (response.ok && isJson) return { kind: "done", answer };
  if (isJson && KINDS[response.status]) return { kind: KINDS[response.status], answer };
  if (response.status === 400) return { kind: "expired", answer: {} };
  return { kind: response.status >= 500 || response.status === 429 ? "away" : "refused", answer };
}

function late() {
  return new Promise((_, reject) => { setTimeout(reject, PATIENCE_MS, new Error("no answer")); });
}

/** Takes the token of the session as it is now; false while nobody, or somebody else, is signed in. */
async function renewed(form) {
  const response = await fetch(form.action, { credentials: "same-origin" }).catch(() => null);
  if (!response?.ok || !response.url.startsWith(form.action)) return false;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const token = page.querySelector('meta[name="csrf-token"]')?.content;
  if (!token || page.getElementById(form.id)?.dataset.writer !== form.dataset.writer) return false;
  document.querySelector('meta[name="csrf-token"]').content = token;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
  return true;
}
