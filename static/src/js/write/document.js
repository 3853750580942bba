// The document as the server takes it: known attributes only, defaults left out.
const ATTRIBUTES = {
  heading: ["level", "align"], paragraph: ["align"], orderedList: ["start"],
  image: ["src", "alt", "width", "align", "rounded", "href", "tracked", "utm"],
  button: ["href", "align", "kind", "full", "tracked", "utm"],
  spacer: ["height"], columns: ["ratio", "stacks"], card: ["background"], social: ["align", "look", "links"],
  html: ["source"], personal: ["field", "operator", "value"], mergeTag: ["name", "fallback", "filter"],
  textColor: ["color"], link: ["href", "tracked", "utm"],
};

function attrsOf({ type, attrs }) {
  const known = ATTRIBUTES[type] ?? [];
  const kept = Object.entries(attrs ?? {}).filter(([name, value]) => known.includes(name) && value !== null && value !== undefined);
  return kept.length ? { attrs: Object.fromEntries(kept) } : {};
}

function clean(node) {
  if (node.type === "text") {
    const marks = (node.marks ?? []).map((mark) => ({ type: mark.type, ...attrsOf(mark) }));
    return { type: "text", text: node.text, ...(marks.length ? { marks } : {}) };
  }
  const content = (node.content ?? []).map(clean);
  const made = { type: node.type, ...attrsOf(node), ...(content.length ? { content } : {}) };
  if (node.marks?.length) made.marks = node.marks.map((mark) => ({ type: mark.type, ...attrsOf(mark) }));
  if (made.type === "columns" || made.type === "column" || made.type === "card" || made.type === "personal") made.content ??= [];
  return made;
}

/** Nodes of the editor as they stand in a document's content. */
export const blocksOf = (found) => found.map((node) => clean(node.toJSON()));

export const VERSION = 1;

/** What is stored: JSON text of the editor's content and the style. */
export function written(json, style) {
  return JSON.stringify({ version: VERSION, style, content: (json.content ?? []).map(clean) });
}

/** Content and style of what is stored; an empty document for nothing, null for what is no document. */
export function read(text) {
  if (!text.trim()) return { style: {}, content: [] };
  try {
    const { version, style, content } = JSON.parse(text);
    return version === VERSION ? { style: style ?? {}, content: content ?? [] } : null;
  } catch {
    return null;
  }
}
