// How the mail looks: its style as variables of the canvas, and the panel that changes it.
import { input, labelled, make, select, checkbox } from "./dom.js";
import { send } from "../page.js";
import { whole } from "./links.js";
import { t } from "./words.js";

const COLORS = ["background", "content", "text", "heading", "link", "button", "buttonText", "card", "border"];
const PAIRS = [["text", "content"], ["heading", "content"], ["link", "content"], ["buttonText", "button"]];
export const LEAST_CONTRAST = 4.5;
const RADIUS = { square: "0", rounded: "6px", pill: "28px" };

/** The style with every default filled in. */
export function completed(style, defaults) {
  return {
    ...defaults, ...style,
    fonts: { ...defaults.fonts, ...style.fonts }, colors: { ...defaults.colors, ...style.colors }, dark: { ...style.dark },
    button: { ...defaults.button, ...style.button }, header: { ...defaults.header, ...style.header }, footer: { ...defaults.footer, ...style.footer },
  };
}

/** How light a colour is, from 0 to 1 (WCAG 2.2, relative luminance). */
export function luminance(color) {
  const parts = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The contrast of two colours (WCAG 2.2, relative luminance). */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** Shows the style on the canvas. */
export function apply(canvas, style, fonts) {
  const set = (name, value) => canvas.style.setProperty(`--m-${name}`, value);
  for (const name of COLORS) set(name, style.colors[name]);
  set("body-font", fonts[style.fonts.body]);
  set("heading-font", fonts[style.fonts.heading]);
  set("size", `${style.size}px`);
  set("width", `${style.width}px`);
  set("radius", RADIUS[style.button.shape]);
  const header = canvas.querySelector(".w-mail-header");
  const { logo, logoAlt, logoWidth, text } = style.header;
  const picture = logo ? make("img", { src: logo, alt: logoAlt, width: logoWidth }) : null;
  header.replaceChildren(...[picture, text ? make("p", {}, text) : null].filter(Boolean));
  const footer = canvas.querySelector(".w-mail-footer");
  footer.dataset.align = style.footer.align;
  footer.replaceChildren(...(style.footer.text ? style.footer.text.split("\n").map((line) => make("p", {}, line)) : []));
}

function colorRow(style, name, changed, warn) {
  const field = input("color", style.colors[name], (value) => { style.colors[name] = value; changed(); warn(); });
  return labelled(t(`color-${name}`), field);
}

function darkRow(style, name, changed) {
  const own = Boolean(style.dark[name]);
  const field = input("color", style.dark[name] ?? style.colors[name], (value) => { style.dark[name] = value; changed(); }, { "aria-label": t("darkOf", { color: t(`color-${name}`) }) });
  field.hidden = !own;
  const box = checkbox(t(`color-${name}`), own, (on) => {
    field.hidden = !on;
    if (on) style.dark[name] = field.value;
    else delete style.dark[name];
    changed();
  });
  return make("div", { class: "w-dark-row" }, box, field);
}

/** The fields of the style; `changed()` after each change. `style` is changed in place. */
export function stylePanel(panel, style, { fonts, brands, saveBrandUrl, changed, replaced }) {
  const warning = make("p", { class: "callout callout-warn", role: "status", hidden: true });
  const warn = () => {
    const bad = PAIRS.filter(([on, under]) => contrast(style.colors[on], style.colors[under]) < LEAST_CONTRAST);
    warning.hidden = !bad.length;
    warning.textContent = bad.map(([on, under]) => t("lowContrast", { on: t(`color-${on}`), under: t(`color-${under}`), ratio: contrast(style.colors[on], style.colors[under]).toFixed(1) })).join(" ");
  };
  const group = (title, ...fields) => make("fieldset", { class: "w-group" }, make("legend", {}, title), ...fields);
  const fontChoices = Object.keys(fonts).map((name) => [name, t(`font-${name}`)]);
  const text = (value, keep, given = {}) => input("text", value, (typed) => { keep(typed); changed(); }, given);
  const note = make("textarea", { class: "form-control", rows: 3, oninput: () => { style.footer.text = note.value; changed(); } });
  note.value = style.footer.text ?? "";
  const brand = brands.length ? [labelled(t("brand"), select([["", t("brandChoose")], ...brands.map(({ id, name }) => [String(id), name])], "", (id) => {
    const found = brands.find((each) => String(each.id) === id);
    if (found) replaced(structuredClone(found.style));
  }))] : [];
  panel.replaceChildren(
    make("h2", {}, t("style")),
    ...brand,
    group(t("colors"), ...COLORS.map((name) => colorRow(style, name, changed, warn)), warning),
    group(t("fonts"),
      labelled(t("fontBody"), select(fontChoices, style.fonts.body, (name) => { style.fonts.body = name; changed(); })),
      labelled(t("fontHeading"), select(fontChoices, style.fonts.heading, (name) => { style.fonts.heading = name; changed(); })),
      labelled(t("fontSize"), input("number", style.size, (value) => { style.size = Math.min(24, Math.max(12, Number(value) || 16)); changed(); }, { min: 12, max: 24 })),
    ),
    group(t("layout"),
      labelled(t("mailWidth"), input("number", style.width, (value) => { style.width = Math.min(800, Math.max(320, Number(value) || 600)); changed(); }, { min: 320, max: 800, step: 10 })),
      labelled(t("buttonShape"), select(Object.keys(RADIUS).map((name) => [name, t(`shape-${name}`)]), style.button.shape, (shape) => { style.button.shape = shape; changed(); })),
    ),
    group(t("header"),
      labelled(t("logo"), text(style.header.logo, (typed) => { style.header.logo = /^https?:/i.test(whole(typed) ?? "") ? whole(typed) : null; }, { placeholder: "https://", dir: "ltr" })),
      labelled(t("logoAlt"), text(style.header.logoAlt, (typed) => { style.header.logoAlt = typed; })),
      labelled(t("logoWidth"), input("number", style.header.logoWidth, (value) => { style.header.logoWidth = Math.min(800, Math.max(20, Number(value) || 160)); changed(); }, { min: 20, max: 800 })),
      labelled(t("headerText"), text(style.header.text, (typed) => { style.header.text = typed; }, { maxlength: 200 })),
    ),
    group(t("footer"), labelled(t("footerText"), note, t("footerHint"))),
    group(t("dark"), make("p", { class: "hint" }, t("darkHint")), ...COLORS.map((name) => darkRow(style, name, changed))),
    ...(saveBrandUrl ? [saveBrand(style, saveBrandUrl)] : []),
  );
  warn();
}

function saveBrand(style, url) {
  const said = make("p", { class: "hint", role: "status" });
  const name = input("text", "", () => {}, { maxlength: 100 });
  const button = make("button", { type: "button", class: "btn btn-small", onclick: async () => {
    if (!name.value.trim()) { name.focus(); return; }
    const body = new FormData();
    body.set("name", name.value.trim());
    body.set("style", JSON.stringify(style));
    const answer = await send(url, body).catch(() => null);
    const told = await answer?.json().catch(() => null);
    said.textContent = answer?.ok ? t("brandSaved") : told?.error ?? t("brandNotSaved");
  } }, t("brandSave"));
  return make("fieldset", { class: "w-group" }, make("legend", {}, t("brandSaveTitle")), labelled(t("brandName"), name), button, said);
}
