// What every module needs of the page: its words, its token, its announcer.
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

const words = JSON.parse(meta("words") || "{}");

/** The translated word of that name, with {placeholders} filled in. */
export function word(name, values = {}) {
  return (words[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** Says a sentence to a screen reader, once, politely. */
export function announce(sentence) {
  const region = document.getElementById("announcer");
  if (region && region.textContent !== sentence) region.textContent = sentence;
}

/** Sends a form by POST as the browser would, with the token in the header. */
export function send(url, body) {
  return fetch(url, {
    method: "POST",
    body,
    credentials: "same-origin",
    headers: { "X-CSRFToken": meta("csrf-token"), "X-Requested-With": "autosave", Accept: "application/json, text/html;q=0.9" },
  });
}

export function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** The form's fields as they would be sent, for comparing. */
export function snapshot(form) {
  return JSON.stringify([...new FormData(form)].filter(([name]) => name !== "csrf_token").map(([name, value]) => [name, value instanceof File ? value.name : value]));
}
