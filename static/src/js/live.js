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

// A poll must not shut what somebody has opened; htmx itself keeps the focus on an element with an id.
document.addEventListener("htmx:beforeSwap", (event) => {
  const region = event.detail.target;
  if (region?.matches?.('[data-behaviour~="live"]') && region.querySelector("details[open], dialog[open]")) event.detail.shouldSwap = false;
});
