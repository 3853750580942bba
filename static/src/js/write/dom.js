// Elements made by script. Nothing here is ever given HTML as text.

/** An element with attributes, listeners (onclick: …), data and children. */
export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon of the page's sprite. */
export function icon(name, sprite = document.querySelector("[data-write]")?.dataset.icons ?? "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

let number = 0;

/** An id that no other element of the page has. */
export function fresh(prefix) {
  number += 1;
  return `${prefix}-${number}`;
}

/** A labelled control in a form of settings; `hint` is read with it. */
export function labelled(label, control, hint = "") {
  control.id ||= fresh("write");
  const note = hint ? make("p", { class: "hint", id: `${control.id}-hint` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return make("div", { class: "field" }, make("label", { for: control.id }, label), control, note);
}

export function checkbox(label, checked, onchange) {
  const box = make("input", { type: "checkbox", class: "form-check-input", id: fresh("write"), onchange: () => onchange(box.checked) });
  box.checked = checked;
  return make("div", { class: "field check" }, box, make("label", { for: box.id }, label));
}

export function select(options, value, onchange, given = {}) {
  const element = make("select", { class: "form-select", ...given, onchange: () => onchange(element.value) });
  for (const [key, label] of options) element.append(make("option", { value: key }, label));
  element.value = value;
  return element;
}

export function input(type, value, oninput, given = {}) {
  const element = make("input", { type, class: type === "color" ? "form-control form-control-color" : "form-control", ...given, value: value ?? "" });
  element.addEventListener("input", () => oninput(element.value));
  return element;
}
