// Saved blocks: the current ones are kept by a name, others are found and put into the text as copies.
import { NodeSelection } from "@tiptap/pm/state";
import { announce, send } from "../page.js";
import { blocksOf } from "./document.js";
import { fresh, icon, input, labelled, make } from "./dom.js";
import { blockAt, current, insertAll, isContainer } from "./moving.js";
import { t } from "./words.js";

/** The saved blocks at `url`: `find(query)` looks through their names, `choose` and `save` open dialogs. */
export function savedBlocks(editor, url, place) {
  let known = [];

  async function refresh() {
    const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } }).catch(() => null);
    const told = answer?.ok && !answer.redirected ? await answer.json().catch(() => null) : null;
    if (told) known = told.blocks;
    return Boolean(told);
  }

  function find(query) {
    const wanted = query.trim().toLowerCase();
    return known.filter(({ name }) => name.toLowerCase().includes(wanted));
  }

  async function put(item) {
    const answer = await fetch(item.url, { credentials: "same-origin" }).catch(() => null);
    const told = answer?.ok && !answer.redirected ? await answer.json().catch(() => null) : null;
    const done = told && insertAll(editor, told.content);
    announce(done ? t("inserted", { block: item.name }) : t("savedNotFound"));
    if (!done) editor.view.focus();
  }

  const asItem = (item) => ({ label: item.name, about: t("savedBlock"), icon: "bookmark", isOwn: true, run: () => put(item) });

  function choose() {
    chooser(place, { find, refresh, chosen: put, back: () => editor.view.focus() });
  }

  /** Asks for a name for the selected blocks, or for `block` where it isn't among them. */
  function save(block) {
    const nodes = selected(editor.state, block);
    asker(place, {
      back: () => editor.view.focus(),
      async keep(name) {
        const body = new FormData();
        body.set("name", name);
        body.set("content", JSON.stringify(blocksOf(nodes)));
        const answer = await send(url, body).catch(() => null);
        const told = await answer?.json().catch(() => null);
        if (answer?.status !== 201) return told?.error ?? t("blockNotSaved");
        known = [...known, told].sort((one, other) => one.name.localeCompare(other.name));
        announce(t("blockSaved", { name: told.name }));
        return "";
      },
    });
  }

  refresh();
  return { choose, save, matching: (query) => (query.trim() ? find(query).slice(0, 8).map(asItem) : []) };
}

/** The blocks of a selection that reaches over several, else the one block. */
function selected(state, block) {
  const { selection } = state;
  const found = block ?? current(state);
  if (selection.empty || selection instanceof NodeSelection) return [found.node];
  const range = selection.$from.blockRange(selection.$to, (node) => isContainer(node.type.name));
  if (!range || range.endIndex - range.startIndex < 2) return [found.node];
  const isIn = blockAt(state.doc.resolve(found.pos))?.parent === range.parent && found.pos >= range.start && found.pos < range.end;
  if (block && !isIn) return [found.node];
  return Array.from({ length: range.endIndex - range.startIndex }, (_, at) => range.parent.child(range.startIndex + at));
}

function dialog(place, title, back, ...inside) {
  const heading = make("h2", { class: "dialog-title", id: fresh("write-title") }, title);
  const box = make("dialog", { class: "w-dialog", "aria-labelledby": heading.id }, heading, ...inside);
  box.addEventListener("keydown", (event) => event.stopPropagation()); // the page's shortcuts
  box.addEventListener("close", () => { box.remove(); back(); });
  place.append(box);
  box.showModal();
  return box;
}

function asker(place, { keep, back }) {
  const error = make("p", { class: "error", role: "alert" });
  const name = input("text", "", () => { error.textContent = ""; }, { maxlength: 100, autocomplete: "off", dir: "auto" });
  const done = make("button", { type: "button", class: "btn btn-primary", onclick: () => submit() }, t("save"));
  const box = dialog(place, t("saveBlockTitle"), back, labelled(t("saveBlockName"), name, t("saveBlockHint")), error,
    make("div", { class: "dialog-actions" }, make("button", { type: "button", class: "btn", onclick: () => box.close() }, t("cancel")), done));

  async function submit() {
    if (!name.value.trim()) { name.focus(); return; }
    done.disabled = true;
    const fault = await keep(name.value.trim());
    done.disabled = false;
    if (!fault) { box.close(); return; }
    error.textContent = fault;
    name.focus();
  }
  name.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault(); // else it would submit the form of the page
    submit();
  });
  name.focus();
}

/** A field that searches, and a list below it (APG combobox pattern). */
function chooser(place, { find, refresh, chosen, back }) {
  const id = fresh("saved");
  const list = make("ul", { class: "w-choices w-found", role: "listbox", id, "aria-label": t("savedBlocks") });
  const field = input("search", "", draw, { role: "combobox", "aria-expanded": "true", "aria-controls": id, "aria-autocomplete": "list", "aria-label": t("findSaved"), placeholder: t("findSaved"), autocomplete: "off" });
  const note = make("p", { class: "hint", role: "status" });
  let items = [];
  let active = 0;
  let picked = null;
  let said = "";
  const box = dialog(place, t("savedBlocks"), () => (picked ? chosen(picked) : back()), field, note, list,
    make("div", { class: "dialog-actions" }, make("button", { type: "button", class: "btn", onclick: () => box.close() }, t("cancel"))));

  function pick(item) {
    picked = item;
    box.close();
  }
  function mark() {
    [...list.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === active)));
    const option = list.children[active];
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }
  function draw() {
    items = find(field.value);
    active = 0;
    list.replaceChildren(...items.map((item, index) => make("li", { role: "option", id: `${id}-${index}`, "aria-selected": "false", dir: "auto", onclick: () => pick(item) }, icon("bookmark"), make("span", {}, make("strong", {}, item.name)))));
    list.hidden = !items.length;
    note.textContent = said || (items.length ? "" : field.value.trim() ? t("nothingFound") : t("noSaved"));
    note.hidden = !note.textContent;
    mark();
  }
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && items.length) {
      active = (active + step + items.length) % items.length;
      mark();
    } else if (event.key === "Enter" && !event.isComposing) {
      if (items[active]) pick(items[active]);
    } else return;
    event.preventDefault();
  });
  draw();
  field.focus();
  refresh().then((isFresh) => {
    said = isFresh ? "" : t("savedNotFound");
    if (box.open) draw();
  });
}
