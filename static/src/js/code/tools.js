// The buttons above the Markdown editor.
import { EditorSelection } from "@codemirror/state";

const AROUND = { bold: "**", italic: "*" };
const BEFORE = { heading: "## ", bullets: "- ", numbers: "1. ", quote: "> " };

/** Makes the buttons of a toolbar act on an editor; arrow keys move between them. */
export function tools(bar, view) {
  const buttons = [...bar.querySelectorAll("[data-tool]")];
  bar.hidden = false;
  buttons.forEach((button, at) => { button.tabIndex = at ? -1 : 0; });
  bar.addEventListener("click", (event) => {
    const name = event.target.closest("[data-tool]")?.dataset.tool;
    if (!name || view.state.readOnly) return;
    if (name in AROUND) surround(view, AROUND[name]);
    else if (name in BEFORE) prefix(view, BEFORE[name]);
    else link(view);
    view.focus();
  });
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    if (!step || at < 0) return;
    const next = buttons[(at + step + buttons.length) % buttons.length];
    buttons.forEach((button) => { button.tabIndex = button === next ? 0 : -1; });
    next.focus();
  });
}

function surround(view, sign) {
  view.dispatch(view.state.changeByRange((range) => {
    const { doc } = view.state;
    const size = sign.length;
    const isOn = doc.sliceString(range.from - size, range.from) === sign && doc.sliceString(range.to, range.to + size) === sign;
    if (isOn) {
      return {
        changes: [{ from: range.from - size, to: range.from }, { from: range.to, to: range.to + size }],
        range: EditorSelection.range(range.from - size, range.to - size),
      };
    }
    return {
      changes: [{ from: range.from, insert: sign }, { from: range.to, insert: sign }],
      range: EditorSelection.range(range.from + size, range.to + size),
    };
  }), { userEvent: "input" });
}

function prefix(view, sign) {
  const { doc, selection } = view.state;
  const first = doc.lineAt(selection.main.from).number;
  const last = doc.lineAt(selection.main.to).number;
  const lines = Array.from({ length: last - first + 1 }, (_, at) => doc.line(first + at));
  const isOn = lines.every((line) => line.text.startsWith(sign));
  const changes = lines.map((line) => (isOn ? { from: line.from, to: line.from + sign.length } : { from: line.from, insert: sign }));
  view.dispatch({ changes, userEvent: "input" });
}

function link(view) {
  const { from, to } = view.state.selection.main;
  const words = view.state.sliceDoc(from, to) || view.state.phrase("link text");
  const insert = `[${words}](https://)`;
  view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length - 1 }, userEvent: "input" });
}
