// Completion of merge tags: the fields that the page offers to insert, and the statements of the merge language.
const STATEMENTS = [
  { label: "{% if %}", apply: "{% if  %}{% endif %}", cursor: 6 },
  { label: "{% if %} … {% else %}", apply: "{% if  %}{% else %}{% endif %}", cursor: 6 },
  { label: "{% for %}", apply: "{% for item in  %}{% endfor %}", cursor: 15 },
];

/** The merge tags that the panel beside a field offers: what each inserts, and what it is called. */
export function tagsOf(field) {
  const buttons = document.querySelectorAll(`[data-target="${field.id}"] [data-insert]`);
  return [...buttons].map((button) => ({ tag: button.dataset.insert, name: button.textContent.trim().replace(/\s+/g, " ") }));
}

/** A source of completions that begins at `{{` or `{%`. */
export function completeTags(tags) {
  return (context) => {
    const before = context.matchBefore(/\{[{%]?[\s\w]*/);
    if (!before || !/^\{[{%]/.test(before.text)) return null;
    const isStatement = before.text.startsWith("{%");
    const after = context.state.sliceDoc(context.pos, context.pos + 2);
    const to = /^\s?[}%]?\}/.test(after) ? context.pos + after.indexOf("}") + (after.startsWith("}}") ? 2 : 1) : context.pos;
    const options = isStatement
      ? STATEMENTS.map((each) => ({ label: each.label, type: "keyword", apply: insertion(each.apply, to, each.cursor) }))
      : tags.map(({ tag, name }) => ({ label: tag, detail: name === tag ? "" : name, type: "variable", apply: insertion(tag, to) }));
    return { from: before.from, options, filter: true };
  };
}

function insertion(text, end, cursor = text.length) {
  return (view, _completion, from, to) => {
    const until = Math.min(Math.max(to, end), view.state.doc.length);
    view.dispatch({ changes: { from, to: until, insert: text }, selection: { anchor: from + cursor }, userEvent: "input.complete" });
  };
}
