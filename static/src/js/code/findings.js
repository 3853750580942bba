// What the server's checks find in the text, shown at its lines while it is written.
import { linter } from "@codemirror/lint";
import { send } from "../page.js";

const PAUSE_MS = 700;
const SEVERITIES = { must: "error", look: "warning" };

/** Asks the server when the writer pauses; no finding is shown while it can't be reached. */
export function findings(url) {
  return linter(async (view) => {
    const body = new FormData();
    body.set("source", view.state.doc.toString());
    const found = await answer(url, body);
    return found.map((each) => {
      const line = view.state.doc.line(Math.min(Math.max(each.line ?? 1, 1), view.state.doc.lines));
      return { from: line.from, to: line.to, severity: SEVERITIES[each.level] ?? "info", message: each.sentence };
    });
  }, { delay: PAUSE_MS });
}

async function answer(url, body) {
  try {
    const response = await send(url, body);
    const isJson = response.headers.get("Content-Type")?.includes("json");
    return response.ok && isJson ? (await response.json()).findings : [];
  } catch {
    return [];
  }
}
