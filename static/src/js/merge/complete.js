// Completes merge tags in a text field: a list opens on "{{" and inserts a tag with its fallback.

const BEGUN = /\{\{\s*([^{}]{0,60})$/;
const MOST = 8;
let count = 0;

/** An input with the page's merge tags ([data-insert] of the menus) as suggestions, by the ARIA combobox pattern. */
export function mergeComplete(field, label = field.labels?.[0]?.textContent ?? "") {
  const tags = offered();
  if (!tags.length) return;
  const list = listFor(field, label);
  let shown = [];
  let active = 0;

  const close = () => {
    list.hidden = true;
    shown = [];
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };

  function mark(at) {
    active = (at + shown.length) % shown.length;
    [...list.children].forEach((option, number) => option.setAttribute("aria-selected", String(number === active)));
    field.setAttribute("aria-activedescendant", list.children[active].id);
    list.children[active].scrollIntoView({ block: "nearest" });
  }

  function open() {
    const begun = BEGUN.exec(field.value.slice(0, field.selectionStart));
    const wanted = begun?.[1].trim().toLowerCase() ?? "";
    shown = begun ? tags.filter(({ text, label }) => `${label} ${text}`.toLowerCase().includes(wanted)).slice(0, MOST) : [];
    if (!shown.length) return close();
    list.replaceChildren(...shown.map(({ text, label }, number) => option(list.id, number, text, label)));
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    return mark(0);
  }

  function insert(at) {
    const end = field.selectionStart;
    const begun = BEGUN.exec(field.value.slice(0, end));
    const closed = /^\s*\}\}/.exec(field.value.slice(end));
    if (begun) field.setRangeText(shown[at].text, begun.index, end + (closed?.[0].length ?? 0), "end");
    close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    close();
    field.focus();
  }

  const keys = {
    ArrowDown: () => mark(active + 1),
    ArrowUp: () => mark(active - 1),
    Enter: () => insert(active),
    Tab: () => insert(active),
    Escape: close,
  };
  field.addEventListener("input", open);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (list.hidden || !keys[event.key] || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });
  list.addEventListener("mousedown", (event) => {
    event.preventDefault(); // the field keeps the focus
    const chosen = [...list.children].indexOf(event.target.closest("[role=option]"));
    if (chosen >= 0) insert(chosen);
  });
}

/** The page's merge tags, each once. */
export function offered() {
  const found = new Map();
  for (const button of document.querySelectorAll("[data-insert]")) {
    found.set(button.dataset.insert, button.querySelector("span")?.textContent ?? button.dataset.insert);
  }
  return [...found].map(([text, label]) => ({ text, label }));
}

function listFor(field, label) {
  const box = document.createElement("div");
  box.className = "merge-complete";
  field.before(box);
  const list = document.createElement("ul");
  list.id = `merge-list-${++count}`;
  list.className = "merge-list";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", label);
  box.append(field, list);
  const states = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, autocomplete: "off" };
  Object.entries(states).forEach(([name, value]) => field.setAttribute(name, value));
  return list;
}

function option(id, number, text, label) {
  const item = document.createElement("li");
  const code = document.createElement("code");
  item.id = `${id}-${number}`;
  item.setAttribute("role", "option");
  code.textContent = text;
  item.append(label, " ", code);
  return item;
}
