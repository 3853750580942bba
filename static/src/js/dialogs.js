// Dialogs: <dialog> opened by a button, and <details class="confirm">, which becomes one.

export function openDialog(button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    button.closest("details")?.removeAttribute("open");
    show(document.getElementById(button.dataset.dialog));
  });
}

export function show(dialog) {
  if (dialog && !dialog.open) dialog.showModal();
}

/** A click beside the dialog closes it; so does whatever is marked data-close. */
export function dialog(element) {
  element.addEventListener("click", (event) => {
    const box = element.getBoundingClientRect();
    const beside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
    const byPointer = event.detail > 0;
    if ((event.target === element && beside && byPointer) || event.target.closest("[data-close]")) element.close();
  });
}

let confirms = 0;

export function confirm(details) {
  const summary = details.querySelector("summary");
  const panel = details.querySelector(".confirm-panel");
  const modal = document.createElement("dialog");
  const title = panel.querySelector(".dialog-title");
  title.id ||= `confirm-${++confirms}`;
  modal.setAttribute("aria-labelledby", title.id);
  modal.append(...panel.childNodes);
  modal.querySelector("[data-close]").hidden = false;
  dialog(modal);
  panel.remove();
  summary.setAttribute("role", "button");
  summary.setAttribute("aria-haspopup", "dialog");
  details.after(modal);
  summary.addEventListener("click", (event) => {
    event.preventDefault();
    show(modal);
  });
}
