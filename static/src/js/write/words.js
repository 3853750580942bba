// The words of the editor, translated by the server.
let words = {};

export function learn(given) {
  words = given;
}

/** The word of that name, with {placeholders} filled in. */
export function t(name, values = {}) {
  return (words[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}
