// What can be inserted: each block with its words, its icon and what it begins as.
import { insert } from "./moving.js";
import { t } from "./words.js";

const text = (words) => (words ? [{ type: "text", text: words }] : []);
const paragraph = (words = "") => ({ type: "paragraph", content: text(words) });
const column = () => ({ type: "column", content: [paragraph()] });
const textual = (run) => (editor) => run(editor.chain().focus()).run();

export const RATIOS = { 2: "1:1", 3: "1:1:1", 4: "1:1:1:1" };

/** The blocks of the menus; `run(editor)` inserts, or turns the current paragraph into one. */
export function blocks({ firstTag = "", openSaved = null } = {}) {
  const put = (json) => (editor) => insert(editor, json);
  return [
    { key: "text", icon: "typography", turns: true, run: textual((chain) => chain.clearNodes()) },
    { key: "heading1", icon: "h-1", turns: true, run: textual((chain) => chain.clearNodes().setNode("heading", { level: 1 })) },
    { key: "heading2", icon: "h-2", turns: true, run: textual((chain) => chain.clearNodes().setNode("heading", { level: 2 })) },
    { key: "heading3", icon: "h-3", turns: true, run: textual((chain) => chain.clearNodes().setNode("heading", { level: 3 })) },
    { key: "bulletList", icon: "list", turns: true, run: textual((chain) => chain.clearNodes().toggleBulletList()) },
    { key: "orderedList", icon: "list-numbers", turns: true, run: textual((chain) => chain.clearNodes().toggleOrderedList()) },
    { key: "quote", icon: "quote", turns: true, run: textual((chain) => chain.clearNodes().setBlockquote()) },
    { key: "image", icon: "photo", run: put({ type: "image" }) },
    { key: "button", icon: "square-rounded-arrow-right", run: put({ type: "button", content: text(t("buttonStart")) }) },
    { key: "divider", icon: "minus", run: put({ type: "divider" }) },
    { key: "spacer", icon: "spacing-vertical", run: put({ type: "spacer" }) },
    ...[2, 3, 4].map((number) => ({
      key: `columns${number}`, icon: number === 4 ? "layout-columns" : `columns-${number}`, type: "columns",
      run: put({ type: "columns", attrs: { ratio: RATIOS[number] }, content: Array.from({ length: number }, column) }),
    })),
    { key: "card", icon: "rectangle", type: "card", run: put({ type: "card", content: [paragraph()] }) },
    { key: "social", icon: "share", run: put({ type: "social" }) },
    { key: "personal", icon: "user-check", run: put({ type: "personal", attrs: { field: firstTag, operator: "is_set" }, content: [paragraph()] }) },
    { key: "code", icon: "code", turns: true, run: textual((chain) => chain.clearNodes().setCodeBlock()) },
    { key: "html", icon: "html", run: put({ type: "html" }) },
    ...(openSaved ? [{ key: "saved", icon: "bookmarks", opens: true, run: openSaved }] : []),
  ].map((each) => ({ ...each, label: t(`block-${each.key}`), about: t(`about-${each.key}`), words: t(`find-${each.key}`).toLowerCase() }));
}

/** Those whose label or other words contain what was typed. */
export function matching(all, query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return all;
  const begins = (each) => each.label.toLowerCase().startsWith(wanted);
  return all
    .filter((each) => each.label.toLowerCase().includes(wanted) || each.words.includes(wanted) || each.label.toLowerCase().replace(/\s/g, "").includes(wanted))
    .sort((one, other) => Number(begins(other)) - Number(begins(one)));
}
