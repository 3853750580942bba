// The panel that shows the settings of what is selected: a block, a link, a merge tag.
import { getMarkRange } from "@tiptap/core";
import { NodeSelection } from "@tiptap/pm/state";
import { make } from "./dom.js";
import { hasSettings, linkFields, settingsOf } from "./settings.js";
import { t } from "./words.js";

/** What the panel is about: the selected node, or the nearest one around the caret that has settings. */
function subject({ state }) {
  const { selection } = state;
  if (selection instanceof NodeSelection && hasSettings(selection.node.type.name)) return { pos: selection.from, node: selection.node };
  const { $from } = selection;
  for (let depth = $from.depth; depth > 0; depth -= 1) {
    const node = $from.node(depth);
    if (hasSettings(node.type.name)) return { pos: $from.before(depth), node };
  }
  return null;
}

function linkAt({ state }) {
  const range = getMarkRange(state.selection.$from, state.schema.marks.link);
  if (!range) return null;
  const mark = state.doc.rangeHasMark(range.from, range.to, state.schema.marks.link) && state.selection.$from.marksAcross(state.selection.$from)?.find((each) => each.type.name === "link");
  const node = state.doc.nodeAt(range.from);
  return { ...range, mark: mark || node?.marks.find((each) => each.type.name === "link") };
}

/** Fills `panel` as the selection changes; `focus()` takes the writer there, Escape brings them back. */
export function inspector(editor, panel, context) {
  let shown = "";

  function set(pos, name) {
    return (attrs) => {
      const node = editor.state.doc.nodeAt(pos);
      if (node?.type.name !== name) return;
      const { tr } = editor.state;
      const isSelected = editor.state.selection instanceof NodeSelection && editor.state.selection.from === pos;
      tr.setNodeMarkup(pos, undefined, { ...node.attrs, ...attrs }, node.marks);
      if (isSelected) tr.setSelection(NodeSelection.create(tr.doc, pos));
      editor.view.dispatch(tr);
    };
  }

  function setLink({ from, to }) {
    return (attrs) => {
      const { state } = editor;
      const before = state.doc.nodeAt(from)?.marks.find((mark) => mark.type.name === "link");
      if (!before) return;
      const mark = state.schema.marks.link.create({ ...before.attrs, ...attrs });
      editor.view.dispatch(state.tr.removeMark(from, to, state.schema.marks.link).addMark(from, to, mark));
    };
  }

  function draw() {
    const link = linkAt(editor);
    const found = link ? null : subject(editor);
    const key = link ? `link-${link.from}-${link.to}` : found ? `${found.node.type.name}-${found.pos}` : "";
    if (key === shown && (panel.contains(document.activeElement) || key === "")) return;
    shown = key;
    if (link?.mark) {
      const gone = make("button", { type: "button", class: "btn btn-small", onclick: () => { editor.chain().focus().setTextSelection(link).unsetMark("link").run(); } }, t("removeLink"));
      const fields = linkFields(link.mark.attrs, setLink(link));
      fields[0].querySelector("input").dataset.first = "";
      panel.replaceChildren(make("h2", {}, t("link")), ...fields, gone);
    } else if (found) {
      const { name } = found.node.type;
      const fields = settingsOf(name, found.node.attrs, set(found.pos, name), { ...context, count: found.node.childCount });
      panel.replaceChildren(make("h2", {}, t(`settings-${name}`)), ...fields);
    } else panel.replaceChildren(make("p", { class: "hint" }, t("nothingSelected")));
  }

  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    editor.commands.focus();
  });
  editor.on("selectionUpdate", draw);
  editor.on("update", draw);
  draw();
  return {
    focus() {
      draw();
      (panel.querySelector("[data-first]") ?? panel.querySelector("input,select,textarea,button"))?.focus();
    },
    redraw() { shown = " "; draw(); },
  };
}
