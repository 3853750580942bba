// The buttons beside a block: "+" inserts after it, the handle drags it or opens its menu.
import { NodeSelection } from "@tiptap/pm/state";
import { announce } from "../page.js";
import { icon, make } from "./dom.js";
import { openMenu } from "./menus.js";
import { blockAt, current, duplicate, move, remove } from "./moving.js";
import { t } from "./words.js";

export function gutter(editor, canvas, { openInsert, turnInto, showSettings, saveBlock }) {
  let found = null;
  const plus = make("button", { type: "button", class: "w-handle", "aria-label": t("insertAfter"), title: t("insertAfter"), tabindex: "-1", "aria-haspopup": "menu" }, icon("plus"));
  const grip = make("button", { type: "button", class: "w-handle w-grip", "aria-label": t("blockMenu"), title: t("blockMenuHint"), tabindex: "-1", draggable: "true", "aria-haspopup": "menu" }, icon("grip-vertical"));
  const bar = make("div", { class: "w-gutter", hidden: true }, plus, grip);
  canvas.append(bar);

  function show(block) {
    found = block;
    const dom = block && editor.view.nodeDOM(block.pos);
    if (!dom?.getBoundingClientRect) { bar.hidden = true; return; }
    const [outer, inner] = [canvas.getBoundingClientRect(), dom.getBoundingClientRect()];
    bar.hidden = false;
    bar.style.top = `${inner.top - outer.top + canvas.scrollTop}px`;
    bar.style.left = `${Math.max(2, inner.left - outer.left - bar.offsetWidth - 4)}px`;
  }

  const latest = () => {
    if (!found) return null;
    const $pos = editor.state.doc.resolve(Math.min(found.pos, editor.state.doc.content.size));
    return blockAt($pos);
  };

  canvas.addEventListener("mousemove", (event) => {
    if (bar.contains(event.target) || event.buttons) return;
    const at = editor.view.posAtCoords({ left: Math.max(event.clientX, editor.view.dom.getBoundingClientRect().left + 24), top: event.clientY });
    if (!at) return;
    const $pos = editor.state.doc.resolve(at.inside >= 0 ? at.inside : at.pos);
    show(blockAt($pos));
  });
  editor.on("selectionUpdate", () => show(current(editor.state)));
  editor.on("update", () => show(current(editor.state)));

  plus.addEventListener("click", () => { const block = latest(); if (block) openInsert(plus, block); });
  grip.addEventListener("click", () => menuOf(grip, latest()));

  function menuOf(opener, block) {
    if (!block) return;
    const spoken = (done, sentence) => { if (done) announce(t(sentence)); editor.view.focus(); };
    openMenu(opener, [
      { label: t("settings"), icon: "settings", keys: "Alt+Enter", run: () => { select(block); showSettings(); } },
      ...(block.node.isTextblock ? turnInto(block) : []),
      { label: t("moveUp"), icon: "arrow-up", keys: "Alt+↑", run: () => spoken(move(editor, -1, block), "movedUp") },
      { label: t("moveDown"), icon: "arrow-down", keys: "Alt+↓", run: () => spoken(move(editor, 1, block), "movedDown") },
      { label: t("duplicate"), icon: "copy", keys: "Ctrl+D", run: () => spoken(duplicate(editor, block), "duplicated") },
      ...(saveBlock ? [{ label: t("saveBlock"), icon: "bookmark", run: () => saveBlock(block) }] : []),
      { label: t("delete"), icon: "trash", run: () => spoken(remove(editor, block), "deleted") },
    ], { label: t("blockMenu"), back: () => editor.view.focus() });
  }

  function select(block) {
    const { state, view } = editor;
    if (NodeSelection.isSelectable(block.node)) view.dispatch(state.tr.setSelection(NodeSelection.create(state.doc, block.pos)));
    else editor.commands.setTextSelection(block.pos + 1);
  }

  grip.addEventListener("dragstart", (event) => {
    const block = latest();
    if (!block) return;
    const { view } = editor;
    const selection = NodeSelection.create(view.state.doc, block.pos);
    view.dispatch(view.state.tr.setSelection(selection));
    const { dom, text } = view.serializeForClipboard(selection.content());
    event.dataTransfer.clearData();
    event.dataTransfer.setData("text/html", dom.innerHTML);
    event.dataTransfer.setData("text/plain", text);
    event.dataTransfer.effectAllowed = "move";
    const shown = view.nodeDOM(block.pos);
    if (shown instanceof HTMLElement) event.dataTransfer.setDragImage(shown, 0, 0);
    view.dragging = { slice: selection.content(), move: true };
  });
  grip.addEventListener("dragend", () => { editor.view.dragging = null; });

  return { openMenu: () => { show(current(editor.state)); menuOf(grip, current(editor.state)); } };
}
