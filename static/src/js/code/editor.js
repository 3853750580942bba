// CodeMirror over a textarea, in a shadow root: there its styles are adopted sheets, which the page's policy allows.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { html } from "@codemirror/lang-html";
import { markdown, markdownLanguage } from "@codemirror/lang-markdown";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from "@codemirror/language";
import { lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorSelection, EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { completeTags, tagsOf } from "./completion.js";
import { findings } from "./findings.js";
import { dark, light } from "./theme.js";

/** The editor in place of that textarea: what is typed in one stands in the other. */
export function codeEditor(field) {
  const box = document.createElement("div");
  box.className = "code-editor";
  field.before(box);
  const root = box.attachShadow({ mode: "open" });
  const phrases = JSON.parse(field.dataset.phrases || "{}");
  const look = new Compartment();
  const locked = new Compartment();
  let mine = false; // whether the field is changed by the editor itself

  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: field.value,
      extensions: [
        ...basics(phrases),
        ...language(field),
        findings(field.dataset.findingsUrl),
        look.of(isDark() ? dark : light),
        locked.of(EditorState.readOnly.of(field.readOnly)),
        EditorView.contentAttributes.of({ tabindex: "0",
          "aria-label": labelOf(field),
          "aria-description": phrases.keys ?? "",
          dir: field.dir || "auto",
          spellcheck: field.dataset.code === "markdown" ? "true" : "false",
        }),
        EditorView.updateListener.of(passOn),
      ],
    }),
  });

  function passOn(update) {
    if (update.docChanged) {
      mine = true;
      field.value = update.state.doc.toString();
      field.dispatchEvent(new Event("input", { bubbles: true }));
      mine = false;
    }
    if (update.docChanged || update.selectionSet) {
      const { from, to } = update.state.selection.main;
      field.setSelectionRange(from, to);
    }
  }

  // What others do to the field: a merge tag put in, the content of another tab merged.
  for (const name of ["input", "change"]) field.addEventListener(name, () => { if (!mine) takeOver(view, field.value); });
  field.addEventListener("focus", () => view.focus());
  field.classList.add("visually-hidden");
  field.tabIndex = -1;
  field.setAttribute("aria-hidden", "true");
  new MutationObserver(() => view.dispatch({ effects: locked.reconfigure(EditorState.readOnly.of(field.readOnly)) }))
    .observe(field, { attributeFilter: ["readonly"] });
  const dress = () => view.dispatch({ effects: look.reconfigure(isDark() ? dark : light) });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
  new MutationObserver(dress).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  goToWantedLine(view, field);
  return view;
}

function basics(phrases) {
  return [
    EditorState.phrases.of(phrases),
    lineNumbers(),
    highlightActiveLineGutter(),
    foldGutter(),
    lintGutter(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    search({ top: true }),
    EditorView.lineWrapping,
    EditorState.tabSize.of(2),
    // Esc, then Tab, leaves the editor: the view handles Escape so that the next Tab moves the focus.
    keymap.of([
      ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap,
      ...lintKeymap, indentWithTab,
    ]),
  ];
}

function language(field) {
  const tags = completeTags(tagsOf(field));
  const support = field.dataset.code === "markdown"
    ? markdown({ base: markdownLanguage, completeHTMLTags: false })
    : html({ matchClosingTags: true, autoCloseTags: true });
  return [autocompletion({ icons: false }), support, support.language.data.of({ autocomplete: tags })];
}

/** Changes only what differs, so that the cursor stays where it is. */
function takeOver(view, value) {
  const now = view.state.doc.toString();
  if (now === value) return;
  let start = 0;
  while (start < now.length && start < value.length && now[start] === value[start]) start += 1;
  let end = 0;
  const most = Math.min(now.length, value.length) - start;
  while (end < most && now[now.length - 1 - end] === value[value.length - 1 - end]) end += 1;
  const insert = value.slice(start, value.length - end);
  view.dispatch({
    changes: { from: start, to: now.length - end, insert },
    selection: EditorSelection.cursor(start + insert.length),
    userEvent: "input",
  });
}

function goToWantedLine(view, field) {
  const wanted = Number(new URLSearchParams(location.search).get("line"));
  if (!(wanted > 0) || location.hash !== `#${field.id}`) return;
  const line = view.state.doc.line(Math.min(wanted, view.state.doc.lines));
  view.dispatch({ selection: { anchor: line.from, head: line.to }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
  view.focus();
}

function labelOf(field) {
  return field.labels?.[0]?.textContent.trim() || field.getAttribute("aria-label") || "";
}

function isDark() {
  const chosen = document.documentElement.dataset.bsTheme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
