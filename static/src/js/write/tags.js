// Text fields of the panel in which merge tags can stand: completed on "{{", and chosen by a button.
import { mergeComplete, offered } from "../merge/complete.js";
import { icon, labelled, make } from "./dom.js";
import { openMenu } from "./menus.js";
import { t } from "./words.js";

/** Whether a merge tag is begun and not closed yet: such a text is not kept. */
export const isBegun = (text) => /\{\{[^}]*\}?$/.test(text);

/** A labelled text field with the page's merge tags. Its own listener for "input" hears what is inserted. */
export function withTags(label, field, hint = "") {
  const box = labelled(label, field, hint);
  if (!offered().length) return box;
  const opener = make("button", {
    type: "button", class: "btn btn-icon w-tag-button", "aria-haspopup": "menu", "aria-expanded": "false",
    title: t("mergeTag"), "aria-label": t("mergeTagFor", { field: label }), onclick: () => choose(field, opener),
  }, icon("brackets-contain"));
  tagged(field, label);
  field.parentElement.classList.add("w-with-tags");
  field.after(opener);
  return box;
}

/** Completes merge tags in a field that has its label elsewhere; it must stand in an element already. */
export function tagged(field, label) {
  mergeComplete(field, t("mergeTagFor", { field: label }));
}

function choose(field, opener) {
  const items = offered().map(({ text, label }) => ({ label, about: text, run: () => put(field, text) }));
  openMenu(opener, items, { label: t("mergeTag"), placement: "bottom-end", back: () => opener.focus() });
}

function put(field, text) {
  const { selectionStart, selectionEnd } = field;
  field.setRangeText(text, selectionStart, selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
