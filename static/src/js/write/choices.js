// A list to choose from while the focus stays in the text: the menus of "/" and "{{".
import { PluginKey } from "@tiptap/pm/state";
import Suggestion from "@tiptap/suggestion";
import { announce } from "../page.js";
import { fresh, icon, make } from "./dom.js";
import { float } from "./floating.js";
import { t } from "./words.js";

/** The list as an element: `show(items)`, `key(event)`, `close()`. */
export function choiceList({ label, choose, within, rect }) {
  const id = fresh("choices");
  const list = make("ul", { class: "w-choices", role: "listbox", id, tabindex: "0", "aria-label": label });
  const textbox = within.querySelector('[role="textbox"]');
  let items = [];
  let active = 0;
  (within.closest("main") ?? document.body).append(list);
  textbox?.setAttribute("aria-controls", id);
  const stop = float(list, rect, { within });

  function mark() {
    [...list.querySelectorAll('[role="option"]')].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === active));
      if (index !== active) return;
      option.scrollIntoView({ block: "nearest" });
      textbox?.setAttribute("aria-activedescendant", option.id);
    });
  }

  return {
    show(found) {
      items = found;
      active = 0;
      const options = items.map((item, index) => make("li", {
        role: "option", id: `${id}-${index}`, "aria-selected": "false",
        onmousedown: (event) => { event.preventDefault(); choose(items[index]); },
        onmousemove: () => { if (active !== index) { active = index; mark(); } },
      }, item.icon ? icon(item.icon) : null, make("span", {}, make("strong", {}, item.label), item.about ? make("small", {}, item.about) : null)));
      list.replaceChildren(...(options.length ? options : [make("li", { class: "w-none" }, t("nothingFound"))]));
      mark();
      if (!options.length) announce(t("nothingFound"));
    },
    key(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && items.length) {
        active = (active + step + items.length) % items.length;
        mark();
        return true;
      }
      if ((event.key === "Enter" || event.key === "Tab") && items[active]) {
        choose(items[active]);
        return true;
      }
      return false;
    },
    close() {
      stop();
      list.remove();
      for (const name of ["aria-activedescendant", "aria-controls"]) textbox?.removeAttribute(name);
    },
  };
}

/** A plugin that opens such a list after `char`; `find(query)` says what it offers, `pick` what a choice does. */
export function opensAfter(char, { name, label, find, pick, canvas, editor, startOfLine = false }) {
  let list = null;
  return Suggestion({
    editor,
    char,
    startOfLine,
    allowedPrefixes: char === "/" ? [" ", "\u00a0"] : null,
    pluginKey: new PluginKey(name),
    allow: ({ state }) => !state.selection.$from.parent.type.spec.code,
    items: ({ query }) => find(query),
    command: ({ editor: on, range, props }) => pick(on, range, props),
    render: () => ({
      onStart(props) {
        list = choiceList({ label, within: canvas, choose: props.command, rect: () => props.clientRect?.() ?? new DOMRect() });
        list.show(props.items);
      },
      onUpdate(props) {
        list?.close();
        list = choiceList({ label, within: canvas, choose: props.command, rect: () => props.clientRect?.() ?? new DOMRect() });
        list.show(props.items);
      },
      onKeyDown({ event }) {
        if (event.key === "Escape") {
          list?.close();
          list = null;
          return true;
        }
        return list?.key(event) ?? false;
      },
      onExit() {
        list?.close();
        list = null;
      },
    }),
  });
}
