// The notes above the editor: who is writing, and what was found in this browser.
import { show } from "../dialogs.js";

const part = (name) => document.querySelector(`[data-${name}]`);

/** Says that somebody else is writing; `take` is called once the writer has agreed to put them out. */
export function held(sentence, { link = "", take }) {
  part("lock").hidden = false;
  part("lock-said").textContent = sentence;
  part("lock-edit").hidden = true;
  if (link) [part("lock-link").href, part("lock-link").hidden] = [link, false];
  const button = part("lock-take");
  button.hidden = false;
  button.onclick = () => show(part("lock-dialog"));
  part("lock-dialog").onclose = (event) => { if (event.target.returnValue === "yes") take(); };
}

/** Says that writing is possible, after a reload that shows what was written meanwhile. */
export function free(sentence) {
  part("lock").hidden = false;
  part("lock-said").textContent = sentence;
  part("lock-take").hidden = true;
  const button = part("lock-edit");
  button.hidden = false;
  button.onclick = () => location.reload();
}

/** Says that two have written the same; what was written here is kept under the link. */
export function note(sentence, link) {
  part("lock").hidden = false;
  part("lock-said").textContent = sentence;
  for (const name of ["lock-take", "lock-edit"]) part(name).hidden = true;
  if (link) [part("lock-link").href, part("lock-link").hidden] = [link, false];
}

/** Offers what this browser kept. */
export function recovery(sentence, { use, drop }) {
  const banner = part("recovery");
  banner.hidden = false;
  part("recovery-said").textContent = sentence;
  part("recovery-use").onclick = () => { banner.hidden = true; use(); };
  part("recovery-drop").onclick = () => { banner.hidden = true; drop(); };
}
