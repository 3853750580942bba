// Regions that htmx polls: progress is announced at 25, 50, 75 and 100 percent, not at each tick.
import { announce, word } from "./page.js";

const MILESTONES = [25, 50, 75, 100];

/** The element carries data-percent, which each answer renews; `reached` lives as long as the page. */
const reached = new Map();

export function live(region) {
  const percent = Number(region.dataset.percent ?? region.querySelector("[data-percent]")?.dataset.percent);
  if (!Number.isFinite(percent)) return;
  const milestone = MILESTONES.filter((mark) => percent >= mark).at(-1) ?? 0;
  const before = reached.get(region.id);
  reached.set(region.id, milestone);
  if (before === undefined || milestone <= before) return;
  announce(milestone === 100 ? word("done") : word("percent", { n: milestone }));
}

// A poll must not take the focus away or shut what somebody has opened.
document.addEventListener("htmx:beforeSwap", (event) => {
  const region = event.detail.target;
  const busy = region?.contains?.(document.activeElement) && document.activeElement.matches("input, textarea, select, button, a, summary");
  const open = region?.querySelector?.("details[open], dialog[open]");
  if (region?.dataset?.behaviour?.includes("live") && (busy || open) && event.detail.xhr.status === 200) {
    region.dataset.held = "";
    if (!region.dataset.percent || region.dataset.percent === new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html").querySelector("[data-percent]")?.dataset.percent) event.detail.shouldSwap = false;
  }
});
