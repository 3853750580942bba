// Menus that take the focus: of the toolbar's buttons and of a block's handle (APG menu pattern).
import { fresh, icon, make } from "./dom.js";
import { float } from "./floating.js";
import { t } from "./words.js";

let open = null;

/** Opens a menu beside `opener`; an item is {label, icon, run, about?}. Escape gives the focus back. */
export function openMenu(opener, items, { label, placement, back }) {
  open?.close();
  const id = fresh("menu");
  const menu = make("div", { class: "w-choices w-menu", role: "menu", id, "aria-label": label });
  const buttons = items.map((item) => make("button", { type: "button", role: "menuitem", tabindex: "-1", onclick: () => { close(false); item.run(); } },
    item.icon ? icon(item.icon) : null, make("span", {}, make("strong", {}, item.label), item.about ? make("small", {}, item.about) : null), item.keys ? make("kbd", {}, item.keys) : null));
  menu.append(...(buttons.length ? buttons : [make("p", { class: "w-none" }, t("nothingFound"))]));
  (opener.closest("main") ?? document.body).append(menu);
  opener.setAttribute("aria-expanded", "true");
  const stop = float(menu, () => opener.getBoundingClientRect(), { within: opener, placement });
  const outside = (event) => { if (!menu.contains(event.target) && !opener.contains(event.target)) close(false); };

  function close(returns) {
    stop();
    menu.remove();
    document.removeEventListener("mousedown", outside);
    opener.setAttribute("aria-expanded", "false");
    open = null;
    if (returns) (back ?? (() => opener.focus()))();
  }

  menu.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to !== undefined) buttons[(to + buttons.length) % buttons.length].focus();
    else if (event.key === "Escape" || event.key === "Tab") close(true);
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) find(event.key);
    else return;
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
    event.stopPropagation();
  });

  let typed = "";
  let timer = 0;
  function find(key) {
    if (key === " " || key === "Enter") return;
    clearTimeout(timer);
    timer = setTimeout(() => { typed = ""; }, 600);
    typed += key.toLowerCase();
    buttons.find((button, index) => items[index].label.toLowerCase().startsWith(typed))?.focus();
  }

  document.addEventListener("mousedown", outside);
  open = { close: () => close(false) };
  buttons[0]?.focus();
}
