// The fields of the editor's form: what they say, which were changed, and putting values back.

// Carried along by the page, not written by anybody.
const CARRIED = new Set(["csrf_token", "version", "format", "tab", "changed", "by", "writer"]);

/** The fields as pairs of name and value, without what the page only carries along. */
export function pairs(form) {
  return [...new FormData(form)].filter(([name, value]) => !CARRIED.has(name) && typeof value === "string");
}

/** The same as one text, for comparing. */
export function written(form) {
  return JSON.stringify(pairs(form));
}

/** The names of the fields whose values differ between two texts of `written`. */
export function changedBetween(before, after) {
  const [old, now] = [byName(before), byName(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((name) => String(old.get(name)) !== String(now.get(name)));
}

function byName(text) {
  const found = new Map();
  for (const [name, value] of JSON.parse(text)) found.set(name, JSON.stringify([...JSON.parse(found.get(name) ?? "[]"), value]));
  return found;
}

/** Puts what somebody else wrote into fields of one line: {name: value}. */
export function fill(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements[name];
    if (!field || field.value === value) continue;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/** A field that only the page writes. */
export function hidden(form, name) {
  const field = form.elements[name] ?? Object.assign(document.createElement("input"), { type: "hidden", name });
  if (!field.isConnected) form.append(field);
  return field;
}

/** Nothing can be changed any more: what is shown stays for reading and copying. */
export function makeReadOnly(form) {
  form.dataset.readOnly = "";
  form.dispatchEvent(new CustomEvent("readonly", { bubbles: true }));
  for (const field of form.elements) {
    if ("readOnly" in field && !/^(checkbox|radio|submit|button|file|hidden)$/.test(field.type)) field.readOnly = true;
    else if (field.type !== "hidden") field.disabled = true;
  }
  for (const button of document.querySelectorAll(`button[form="${form.id}"]`)) button.disabled = true;
  for (const surface of form.querySelectorAll("[contenteditable=true]")) surface.inert = true;
}
