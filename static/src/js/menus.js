// <details class="menu">: closes on Escape and on a click elsewhere; arrow keys move through it.
const items = (menu) => [...menu.querySelectorAll(".menu-panel a, .menu-panel button, .menu-panel summary")].filter((item) => item.offsetParent !== null);

export function menu(details) {
  const summary = details.querySelector(":scope > summary");
  details.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && details.open) {
      details.open = false;
      summary.focus();
      event.stopPropagation();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    details.open = true;
    const all = items(details);
    const at = all.indexOf(document.activeElement);
    const next = at < 0 && step < 0 ? all.length - 1 : (at + step + all.length) % all.length;
    all[next]?.focus();
  });
  details.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !details.contains(event.relatedTarget) && !event.relatedTarget.closest("dialog")) details.open = false;
  });
}

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll('details[data-behaviour~="menu"][open]')) {
    if (!open.contains(event.target) && !event.target.closest("dialog")) open.open = false;
  }
});
