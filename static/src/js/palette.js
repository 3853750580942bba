// The palette: Ctrl K or Cmd K finds campaigns, people, lists, pages and actions; arrows choose, Enter goes.
import { show } from "./dialogs.js";
import { word } from "./page.js";

const PAUSE_MS = 120;

export function palette(dialog) {
  const input = dialog.querySelector("input");
  const results = dialog.querySelector(".palette-results");
  let timer = 0;
  let asked = 0;

  const options = () => [...results.querySelectorAll("[role=option]")];

  function choose(option) {
    for (const each of options()) each.setAttribute("aria-selected", String(each === option));
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.id ||= `palette-${options().indexOf(option)}`;
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  async function look() {
    const mine = ++asked;
    const response = await fetch(`${dialog.dataset.url}?q=${encodeURIComponent(input.value.trim())}`, { headers: { "X-Requested-With": "palette" } });
    if (response.redirected) return location.reload(); // signed out
    if (!response.ok) throw new Error(response.statusText);
    const text = await response.text();
    if (mine !== asked) return; // a later answer is already there
    results.innerHTML = text;
    choose(options()[0]);
  }

  function refresh() {
    look().catch(() => { results.textContent = word("notLoaded"); });
  }

  function move(step) {
    const all = options();
    const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    choose(all[(at + step + all.length) % all.length]);
  }

  function open() {
    show(dialog);
    input.select();
    refresh();
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    }
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      results.querySelector("[aria-selected=true]")?.click();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else if (!document.querySelector("dialog[open]")) open();
  });
  dialog.addEventListener("palette", open);
}

/** A link that opens the palette instead of its page. */
export function openPalette(link) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("palette").dispatchEvent(new CustomEvent("palette"));
  });
}
