// Blocks as wholes: where the current one begins, and moving, doubling and removing it.
import { Fragment } from "@tiptap/pm/model";
import { NodeSelection, Selection } from "@tiptap/pm/state";

const CONTAINERS = ["doc", "column", "card", "personal", "bulletList", "orderedList"];

/** Whether blocks stand in a node of that type, next to each other; a list's items are no blocks. */
export const isContainer = (name) => CONTAINERS.includes(name) && !name.endsWith("List");

/** The block around a position: its place among its siblings. `lists`: whether an item of a list counts as one. */
export function blockAt($pos, { lists = false } = {}) {
  for (let depth = $pos.depth; depth >= 0; depth -= 1) {
    const parent = $pos.node(depth);
    const isList = parent.type.name.endsWith("List");
    if (!CONTAINERS.includes(parent.type.name) || (isList && !lists)) continue;
    const index = $pos.index(depth);
    const node = parent.maybeChild(index);
    if (!node) continue;
    const pos = $pos.depth === depth ? $pos.pos : $pos.before(depth + 1);
    return { node, pos, parent, index };
  }
  return null;
}

/** The block that is selected, or around the caret. */
export function current(state, options) {
  const { selection } = state;
  if (selection instanceof NodeSelection && selection.node.isBlock) {
    const $pos = state.doc.resolve(selection.from);
    return { node: selection.node, pos: selection.from, parent: $pos.parent, index: $pos.index() };
  }
  return blockAt(selection.$from, options);
}

/** Exchanges a block with its neighbour; false where there is none. */
export function move(editor, by, found = current(editor.state, { lists: true })) {
  if (!found) return false;
  const { state, view } = editor;
  const neighbour = found.parent.maybeChild(found.index + by);
  if (!neighbour) return false;
  const isNode = state.selection instanceof NodeSelection;
  const inside = state.selection.from - found.pos;
  const to = by < 0 ? found.pos - neighbour.nodeSize : found.pos + neighbour.nodeSize;
  const tr = state.tr.delete(found.pos, found.pos + found.node.nodeSize).insert(to, found.node);
  const at = isNode ? NodeSelection.create(tr.doc, to) : Selection.near(tr.doc.resolve(Math.max(0, Math.min(to + inside, tr.doc.content.size))));
  view.dispatch(tr.setSelection(at).scrollIntoView());
  return true;
}

/** Takes a block to another gap between blocks, as dragging does. */
export function duplicate(editor, found = current(editor.state)) {
  if (!found) return false;
  const after = found.pos + found.node.nodeSize;
  const tr = editor.state.tr.insert(after, found.node);
  editor.view.dispatch(tr.setSelection(Selection.near(tr.doc.resolve(after + 1))).scrollIntoView());
  return true;
}

export function remove(editor, found = current(editor.state)) {
  if (!found) return false;
  const { state, view } = editor;
  const tr = state.tr;
  if (found.parent.childCount > 1) tr.delete(found.pos, found.pos + found.node.nodeSize);
  else tr.replaceWith(found.pos, found.pos + found.node.nodeSize, state.schema.nodes.paragraph.create());
  const near = Math.min(found.pos, tr.doc.content.size);
  view.dispatch(tr.setSelection(Selection.near(tr.doc.resolve(near))).scrollIntoView());
  return true;
}

/** Puts a block after the current one, or in its place where that is an empty paragraph; then selects it. */
export function insert(editor, json, found = current(editor.state)) {
  const { state, view } = editor;
  const node = state.schema.nodeFromJSON(json);
  const isEmpty = found?.node.type.name === "paragraph" && found.node.content.size === 0;
  const from = isEmpty ? found.pos : found ? found.pos + found.node.nodeSize : state.doc.content.size;
  const tr = isEmpty ? state.tr.replaceWith(from, from + found.node.nodeSize, node) : state.tr.insert(from, node);
  const after = from + node.nodeSize;
  if (node.isAtom && !tr.doc.resolve(after).nodeAfter && tr.doc.resolve(after).depth === 0) tr.insert(after, state.schema.nodes.paragraph.create());
  const at = node.isAtom ? NodeSelection.create(tr.doc, from) : Selection.near(tr.doc.resolve(from + 1));
  view.dispatch(tr.setSelection(at).scrollIntoView());
  view.focus();
  return true;
}

/** Puts copies of blocks after the current one, or after what holds it where they may not stand; selects the last. */
export function insertAll(editor, json) {
  const { state, view } = editor;
  let nodes;
  try {
    nodes = json.map((each) => state.schema.nodeFromJSON(each));
    nodes.forEach((node) => node.check());
  } catch {
    return false;
  }
  const types = new Set();
  nodes.forEach((node) => { types.add(node.type.name); node.descendants((each) => { types.add(each.type.name); }); });
  const isFitting = [...types].every((type) => fits(state, type));
  const around = current(state);
  const $at = around && state.doc.resolve(around.pos);
  const at = isFitting || !$at?.depth ? around?.pos : $at.before(1);
  const before = at === undefined ? null : state.doc.nodeAt(at);
  const isEmpty = before?.type.name === "paragraph" && before.content.size === 0;
  const from = !before ? state.doc.content.size : isEmpty ? at : at + before.nodeSize;
  const { tr } = state;
  if (isEmpty) tr.delete(at, at + before.nodeSize);
  tr.insert(from, Fragment.from(nodes));
  const last = from + nodes.slice(0, -1).reduce((size, node) => size + node.nodeSize, 0);
  const end = last + nodes.at(-1).nodeSize;
  if (nodes.at(-1).isAtom && !tr.doc.resolve(end).nodeAfter && !tr.doc.resolve(end).depth) tr.insert(end, state.schema.nodes.paragraph.create());
  tr.setSelection(nodes.at(-1).isAtom ? NodeSelection.create(tr.doc, last) : Selection.near(tr.doc.resolve(last + 1)));
  view.dispatch(tr.scrollIntoView());
  view.focus();
  return true;
}

/** Whether a block of that type may stand where the caret is. */
export function fits(state, type) {
  const { $from } = state.selection;
  const around = [];
  for (let depth = $from.depth; depth > 0; depth -= 1) around.push($from.node(depth).type.name);
  if (type === "columns") return !around.includes("column") && !around.includes("card");
  if (type === "card") return !around.includes("card");
  return true;
}
