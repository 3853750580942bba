// The page's colours, in light and dark.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const COLOURS = {
  light: { tag: "#0b5c73", name: "#7a4a00", text: "#1d6b36", comment: "#5f6b73", strong: "#12202b" },
  dark: { tag: "#7fc9dd", name: "#e3b871", text: "#8fd3a3", comment: "#97a4ac", strong: "#f2f5f6" },
};

const frame = (isDark) => EditorView.theme({
  "&": { backgroundColor: "var(--surface)", color: "var(--ink)", fontSize: "0.8125rem", height: "min(620px, 70vh)", minHeight: "320px" },
  "&.cm-focused": { outline: "none" }, // the frame around it shows the focus
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-gutters": { backgroundColor: "var(--sunk)", color: "var(--ink-2)", borderInlineEnd: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent-tint) 45%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: isDark ? "#2c4f5c" : "#cfe4ea" },
  ".cm-panels": { backgroundColor: "var(--sunk)", color: "var(--ink)", borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "8px 32px 8px 8px" },
  ".cm-textfield": { backgroundColor: "var(--surface)", border: "1px solid var(--control-line)", borderRadius: "6px", color: "inherit", fontSize: "inherit", padding: "4px 8px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--surface)", border: "1px solid var(--control-line)", borderRadius: "6px", color: "inherit", fontSize: "inherit", padding: "4px 10px" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "8px", color: "var(--ink)", overflow: "hidden" },
  ".cm-tooltip-autocomplete ul li": { padding: "4px 10px !important" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-tint)", color: "var(--ink)" },
  ".cm-completionDetail": { color: "var(--ink-2)", fontStyle: "normal" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunk)", border: "1px solid var(--line)", color: "var(--ink-2)" },
}, { dark: isDark });

const words = (of) => syntaxHighlighting(HighlightStyle.define([
  { tag: [tags.tagName, tags.angleBracket, tags.keyword, tags.link, tags.processingInstruction], color: of.tag },
  { tag: [tags.attributeName, tags.propertyName, tags.className, tags.labelName], color: of.name },
  { tag: [tags.attributeValue, tags.string, tags.url, tags.number], color: of.text },
  { tag: [tags.comment, tags.meta], color: of.comment },
  { tag: tags.heading, color: of.strong, fontWeight: "700" },
  { tag: tags.strong, fontWeight: "700" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through" },
]));

export const light = [frame(false), words(COLOURS.light)];
export const dark = [frame(true), words(COLOURS.dark)];
