// The editor of HTML and Markdown. The textarea stays the form's field and is what remains without script.
import { codeEditor } from "./editor.js";
import { tools } from "./tools.js";

for (const field of document.querySelectorAll("textarea[data-code]")) {
  const view = codeEditor(field);
  for (const bar of document.querySelectorAll(`[data-code-tools="${field.id}"]`)) {
    view.root.host.before(bar);
    tools(bar, view);
  }
}
