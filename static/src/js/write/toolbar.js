// The toolbar above the text: one stop of the Tab key, arrows move inside it (APG toolbar pattern).
import { icon, input, make, select } from "./dom.js";
import { t } from "./words.js";

const MARKS = [["bold", "bold", "Ctrl+B"], ["italic", "italic", "Ctrl+I"], ["underline", "underline", "Ctrl+U"], ["strike", "strikethrough", "Ctrl+Shift+S"], ["code", "code", "Ctrl+E"]];
const KINDS = ["paragraph", "heading1", "heading2", "heading3"];

function tool(name, drawing, run, { keys = "", toggles = false } = {}) {
  const label = keys ? `${t(name)} (${keys})` : t(name);
  return make("button", { type: "button", class: "w-tool", title: label, "aria-label": t(name), "aria-pressed": toggles ? "false" : null, "data-tool": name, onmousedown: (event) => event.preventDefault(), onclick: run }, icon(drawing));
}

export function markTools(editor) {
  return MARKS.map(([name, drawing, keys]) => tool(name, drawing, () => editor.chain().focus().toggleMark(name).run(), { keys, toggles: true }));
}

export function linkTool(editor, toLink) {
  return tool("link", "link", () => toLink(editor), { keys: "Ctrl+K", toggles: true });
}

function colorTool(editor) {
  const field = input("color", "#a8321f", (color) => editor.chain().setMark("textColor", { color }).run(), { "aria-label": t("textColor"), title: t("textColor"), class: "w-color" });
  const none = tool("textColorNone", "droplet-off", () => editor.chain().focus().unsetMark("textColor").run());
  return [field, none];
}

/** Shows on the tools of a row what the selection has. */
export function reflect(row, editor) {
  for (const button of row.querySelectorAll("[aria-pressed]")) {
    const name = button.dataset.tool;
    const side = name.startsWith("align-") ? name.slice(6) : null;
    const isOn = side ? editor.isActive({ align: side }) : editor.isActive(name);
    button.setAttribute("aria-pressed", String(isOn));
  }
}

/** One tab stop for a row of controls; left and right move inside it. */
export function rove(row) {
  const items = () => [...row.querySelectorAll("button,select,input")].filter((item) => !item.disabled && item.offsetParent !== null);
  const only = (chosen) => items().forEach((item) => { item.tabIndex = item === chosen ? 0 : -1; });
  row.addEventListener("focusin", (event) => { if (items().includes(event.target)) only(event.target); });
  row.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement);
    const isSelect = document.activeElement?.tagName === "SELECT";
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || at < 0 || (isSelect && /^(Home|End)$/.test(event.key))) return;
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    only(next);
    next.focus();
  });
  only(items()[0]);
}

export function toolbar(editor, { toLink, openInsert, openTags, showHelp }) {
  const kind = select(KINDS.map((name) => [name, t(`kind-${name}`)]), "paragraph", (name) => {
    const level = Number(name.at(-1));
    if (level) editor.chain().focus().setNode("heading", { level }).run();
    else editor.chain().focus().setParagraph().run();
  }, { "aria-label": t("kind"), class: "form-select w-kind" });
  const group = (...tools) => make("span", { class: "w-tools" }, ...tools);
  const opens = (name, drawing, run) => {
    const button = make("button", { type: "button", class: "w-tool w-tool-wide", "aria-haspopup": "menu", onclick: () => run(button) }, icon(drawing), t(name));
    return button;
  };
  const undo = tool("undo", "arrow-back-up", () => editor.chain().focus().undo().run(), { keys: "Ctrl+Z" });
  const redo = tool("redo", "arrow-forward-up", () => editor.chain().focus().redo().run(), { keys: "Ctrl+Y" });
  const sides = ["left", "center", "right"].map((side) => tool(`align-${side}`, `align-${side}`, () => editor.chain().focus().updateAttributes(editor.isActive("heading") ? "heading" : "paragraph", { align: side }).run(), { toggles: true }));
  const row = make("div", { class: "w-toolbar", role: "toolbar", "aria-label": t("toolbar") },
    group(undo, redo), group(kind), group(...markTools(editor), ...colorTool(editor)), group(linkTool(editor, toLink)), group(...sides),
    group(tool("bulletList", "list", () => editor.chain().focus().toggleBulletList().run(), { toggles: true }), tool("orderedList", "list-numbers", () => editor.chain().focus().toggleOrderedList().run(), { toggles: true })),
    group(opens("insert", "plus", openInsert), opens("mergeTag", "brackets-contain", openTags)),
    group(tool("help", "keyboard", showHelp)),
  );
  const update = () => {
    reflect(row, editor);
    undo.disabled = !editor.can().undo();
    redo.disabled = !editor.can().redo();
    kind.value = [1, 2, 3].map((level) => (editor.isActive("heading", { level }) ? `heading${level}` : "")).find(Boolean) || "paragraph";
  };
  editor.on("transaction", update);
  update();
  return row;
}
