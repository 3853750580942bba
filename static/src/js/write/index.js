// The editor of block documents: reads and writes the JSON in its form's field.
import { Editor, Extension } from "@tiptap/core";
import Blockquote from "@tiptap/extension-blockquote";
import Bold from "@tiptap/extension-bold";
import BubbleMenu from "@tiptap/extension-bubble-menu";
import Code from "@tiptap/extension-code";
import CodeBlock from "@tiptap/extension-code-block";
import Document from "@tiptap/extension-document";
import HardBreak from "@tiptap/extension-hard-break";
import Heading from "@tiptap/extension-heading";
import Italic from "@tiptap/extension-italic";
import { BulletList, ListItem, ListKeymap, OrderedList } from "@tiptap/extension-list";
import Paragraph from "@tiptap/extension-paragraph";
import Strike from "@tiptap/extension-strike";
import Text from "@tiptap/extension-text";
import Underline from "@tiptap/extension-underline";
import { Dropcursor, Gapcursor, Placeholder, UndoRedo } from "@tiptap/extensions";
import { announce } from "../page.js";
import { blocks, matching } from "./blocks.js";
import { opensAfter } from "./choices.js";
import { read, written } from "./document.js";
import { make } from "./dom.js";
import { gutter } from "./gutter.js";
import { inspector } from "./inspector.js";
import { openMenu } from "./menus.js";
import { current, duplicate, fits, insert, move } from "./moving.js";
import * as nodes from "./nodes.js";
import { cleaned } from "./paste.js";
import { savedBlocks } from "./saved.js";
import { apply, completed, stylePanel } from "./style.js";
import { linkTool, markTools, reflect, rove, toolbar } from "./toolbar.js";
import { mediaButtons, take } from "./uploads.js";
import { learn, t } from "./words.js";

function begin(root) {
  const given = JSON.parse(root.dataset.write);
  learn(given.words);
  const field = document.getElementById(root.dataset.field);
  const stored = read(field.value);
  if (!stored) return; // the text itself is shown, with what is wrong
  const { tags, fonts, filters } = given;
  let style = completed(stored.style, given.style);
  const label = (name) => tags.find((tag) => tag.name === name)?.label ?? name;
  const isKnown = (name) => tags.some((tag) => tag.name === name);
  const inserts = blocks({ firstTag: tags[0]?.name ?? "", openSaved: given.blocksUrl ? () => saved.choose() : null });

  const canvas = make("div", { class: "w-canvas" });
  const mail = make("div", { class: "w-mail" }, make("div", { class: "w-mail-header" }), make("div", { class: "w-mail-body" }), make("div", { class: "w-mail-footer" }));
  const said = make("p", { class: "w-said", role: "status" });
  const bubble = make("div", { class: "w-bubble", role: "toolbar", "aria-label": t("formatting") });
  canvas.append(mail, bubble);
  const panel = document.querySelector("[data-write-block]");
  const stylist = document.querySelector("[data-write-style]");
  const say = (sentence) => { said.textContent = sentence; };

  const putTag = (editor, name, range) => {
    const chain = editor.chain().focus();
    if (range) chain.deleteRange(range);
    chain.insertContent({ type: "mergeTag", attrs: { name, fallback: tags.find((tag) => tag.name === name)?.fallback ?? "" } }).run();
  };
  const tagItems = (query = "") => tags.filter((tag) => `${tag.label} ${tag.name}`.toLowerCase().includes(query.trim().toLowerCase())).map((tag) => ({ ...tag, icon: "brackets-contain", about: `{{ ${tag.name} }}` }));
  const insertsHere = (editor) => inserts.filter((each) => !each.type || fits(editor.state, each.type));
  const put = (on, item) => {
    item.run(on);
    if (item.opens || item.isOwn) return; // says itself what became of it
    announce(t("inserted", { block: item.label }));
    if (current(on.state)?.node.isAtom) showSettings();
  };
  const spoken = (done, sentence) => { if (done) announce(t(sentence)); return true; };
  const showSettings = () => { show("block"); settings.focus(); return true; };

  const Menus = Extension.create({
    name: "menus",
    addProseMirrorPlugins() {
      return [
        opensAfter("/", { name: "slash", label: t("insert"), editor: this.editor, canvas, find: (query) => [...matching(insertsHere(this.editor), query), ...(saved?.matching(query) ?? [])], pick: (editor, range, item) => { editor.chain().focus().deleteRange(range).run(); put(editor, item); } }),
        opensAfter("{{", { name: "tags", label: t("mergeTag"), editor: this.editor, canvas, find: tagItems, pick: (editor, range, item) => putTag(editor, item.name, range) }),
      ];
    },
    addKeyboardShortcuts() {
      return {
        "Alt-ArrowUp": () => spoken(move(this.editor, -1), "movedUp"),
        "Alt-ArrowDown": () => spoken(move(this.editor, 1), "movedDown"),
        "Alt-Enter": () => showSettings(),
        "Alt-F10": () => { root.querySelector('.w-toolbar [tabindex="0"]')?.focus(); return true; },
        "Mod-d": () => spoken(duplicate(this.editor), "duplicated"),
        "Mod-k": () => { toLink(this.editor); return true; },
        "Alt-/": () => { handles.openMenu(); return true; },
      };
    },
  });

  function toLink(editor) {
    if (editor.isActive("button") || editor.isActive("image")) { showSettings(); return; }
    if (!editor.isActive("link")) {
      if (editor.state.selection.empty) editor.chain().insertContent({ type: "text", text: t("linkText"), marks: [{ type: "link", attrs: { href: "" } }] }).setTextSelection(editor.state.selection.from + 1).run();
      else editor.chain().setMark("link", { href: "" }).run();
    }
    showSettings();
  }

  const editor = new Editor({
    element: mail.querySelector(".w-mail-body"),
    injectCSS: false,
    extensions: [
      Document.extend({ content: "(block | boxed | wide)+" }), Text, HardBreak,
      Paragraph, Heading.configure({ levels: [1, 2, 3] }), Blockquote.extend({ content: "paragraph+" }), CodeBlock,
      BulletList, OrderedList, ListItem.extend({ content: "paragraph (paragraph | bulletList | orderedList)*" }), ListKeymap,
      Bold, Italic, Underline, Strike, Code, nodes.Link, nodes.TextColor,
      nodes.Divider, nodes.Spacer, nodes.Image, nodes.Button, nodes.Columns, nodes.Column, nodes.Card, nodes.Social, nodes.Html,
      nodes.Personal.configure({ label }), nodes.MergeTag.configure({ label, isKnown }),
      Extension.create({ name: "align", addGlobalAttributes: () => [nodes.align] }),
      UndoRedo, Dropcursor.configure({ class: "w-drop", color: false, width: 3 }), Gapcursor,
      Placeholder.configure({ placeholder: ({ node }) => (node.type.name === "heading" ? t("headingHere") : t("writeHere")), includeChildren: true }),
      BubbleMenu.configure({ element: bubble, updateDelay: 100, shouldShow: ({ editor: on, state }) => !state.selection.empty && on.isEditable && !state.selection.node && !on.isActive("codeBlock") && !on.isActive("button") }),
      Menus,
    ],
    content: { type: "doc", content: stored.content.length ? stored.content : [{ type: "paragraph" }] },
    enableContentCheck: true,
    onContentError: () => say(t("unknownContent")),
    editorProps: {
      attributes: { role: "textbox", "aria-multiline": "true", "aria-label": t("content"), class: "w-text", spellcheck: "true" },
      transformPastedHTML: cleaned,
      handlePaste: (_view, event) => !event.clipboardData?.getData("text/html") && take(editor, event.clipboardData?.files ?? [], given.uploadUrl, say),
      handleDrop: (_view, event, _slice, moved) => !moved && take(editor, event.dataTransfer?.files ?? [], given.uploadUrl, say),
      handleDoubleClickOn: (_view, _pos, node) => (node.isAtom && !node.isText ? showSettings() : false),
      handleKeyDown: (view, event) => (event.key === "Enter" && view.state.selection.node?.isAtom && !event.altKey && !event.ctrlKey && !event.metaKey ? showSettings() : false),
    },
    onUpdate: keep,
  });

  function keep() {
    field.value = written(editor.getJSON(), style);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const openInsert = (opener, block) => openMenu(opener, insertsHere(editor).map((each) => ({ ...each, run: () => {
    if (block && each.turns) insert(editor, { type: "paragraph" }, block);
    else if (block) editor.commands.setTextSelection(Math.min(block.pos + 1, editor.state.doc.content.size));
    put(editor, each);
  } })), { label: t("insert"), back: () => editor.view.focus() });
  const openTags = (opener) => openMenu(opener, tagItems().map((tag) => ({ ...tag, run: () => putTag(editor, tag.name) })), { label: t("mergeTag"), back: () => editor.view.focus() });
  const saved = given.blocksUrl ? savedBlocks(editor, given.blocksUrl, root.closest("main")) : null;
  const help = root.querySelector("[data-write-help]");
  help.querySelector("[data-write-close]").addEventListener("click", () => help.close());

  const bar = toolbar(editor, { toLink, openInsert: (opener) => openInsert(opener, null), openTags, showHelp: () => help.showModal() });
  root.querySelector("[data-write-here]").append(bar, canvas, said);
  bubble.append(...markTools(editor), linkTool(editor, toLink));
  editor.on("transaction", () => reflect(bubble, editor));
  rove(bar);
  const settings = inspector(editor, panel, { tags, filters, media: mediaButtons({ uploadUrl: given.uploadUrl, picker: document.querySelector("[data-media-picker]") }, say) });
  const handles = gutter(editor, canvas, { openInsert, showSettings, saveBlock: saved?.save, turnInto: () => inserts.filter((each) => each.turns).map((each) => ({ label: each.label, icon: each.icon, run: () => each.run(editor) })) });

  function restyle() {
    apply(canvas, style, fonts);
    keep();
  }
  function drawStyle() {
    stylePanel(stylist, style, { fonts, brands: given.brands, saveBrandUrl: given.saveBrandUrl, changed: restyle, replaced: (next) => { style = completed(next, given.style); drawStyle(); restyle(); } });
  }
  apply(canvas, style, fonts);
  drawStyle();

  // The tabs of the panel beside the text.
  const tabs = [...document.querySelectorAll("[data-write-tab]")];
  function show(name) {
    for (const tab of tabs) {
      const isShown = tab.dataset.writeTab === name;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isShown;
    }
  }
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => show(tab.dataset.writeTab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      show(next.dataset.writeTab);
      next.focus();
    });
  });
  field.closest("[data-write-source]").hidden = true;
  root.hidden = false;
  root.editor = editor; // for tests
}

for (const root of document.querySelectorAll("[data-write]")) begin(root);
