// The settings of each block, of a link and of a merge tag, as fields of the panel beside the text.
import { checkbox, input, labelled, make, select } from "./dom.js";
import { UTM, utmOf, whole } from "./links.js";
import { RATIOS } from "./blocks.js";
import { isBegun, tagged, withTags } from "./tags.js";
import { t } from "./words.js";

const NETWORKS = ["website", "facebook", "instagram", "x", "linkedin", "youtube", "tiktok", "mastodon", "bluesky", "threads", "github", "wechat", "weibo"];
const OPERATORS = ["is", "is_not", "contains", "is_set", "is_not_set"];
const sides = () => ["left", "center", "right"].map((side) => [side, t(`align-${side}`)]);

function alignment(attrs, set) {
  return labelled(t("alignment"), select(sides(), attrs.align, (align) => set({ align })));
}

/** URL, tracking and campaign parameters; `set` gets only what may be kept. */
export function linkFields(attrs, set, { label = t("linkTo") } = {}) {
  const error = make("p", { class: "error", role: "alert" });
  const url = input("text", attrs.href, (typed) => {
    if (isBegun(typed)) return;
    const href = whole(typed);
    error.textContent = href === null ? t("linkRefused") : "";
    url.toggleAttribute("aria-invalid", href === null);
    if (href !== null) set({ href });
  }, { inputmode: "url", placeholder: "https://", autocomplete: "off", spellcheck: "false", dir: "ltr" });
  url.addEventListener("change", () => { url.value = whole(url.value) ?? url.value; });
  let utm = { ...attrs.utm };
  const parameters = UTM.map((name) => labelled(`utm_${name}`, input("text", utm[name], (value) => {
    utm = { ...utm, [name]: value };
    set({ utm: utmOf(utm) });
  }, { autocomplete: "off" })));
  const more = make("details", { class: "w-more" }, make("summary", {}, t("utm")), ...parameters);
  more.open = Boolean(attrs.utm);
  return [withTags(label, url, t("linkHint")), error, checkbox(t("tracked"), attrs.tracked, (tracked) => set({ tracked })), more];
}

function imageFields(attrs, set, { media }) {
  const source = input("text", attrs.src.startsWith("/") ? "" : attrs.src, (typed) => {
    const src = whole(typed);
    if (src !== null && (src === "" || /^https?:/i.test(src))) set({ src });
  }, { inputmode: "url", placeholder: "https://", dir: "ltr", autocomplete: "off", "data-first": "" });
  const alt = input("text", attrs.alt, (typed) => { if (!isBegun(typed)) set({ alt: typed }); }, { autocomplete: "off", maxlength: 1000, dir: "auto" });
  return [
    ...media(attrs, set),
    labelled(t("imageUrl"), source),
    withTags(t("alt"), alt, t("altHint")),
    labelled(t("width"), input("number", attrs.width, (value) => set({ width: Number(value) > 0 ? Math.min(2000, Math.round(Number(value))) : null }), { min: 1, max: 2000 }), t("widthHint")),
    alignment(attrs, set),
    checkbox(t("rounded"), attrs.rounded, (rounded) => set({ rounded })),
    ...linkFields(attrs, set),
  ];
}

function buttonFields(attrs, set) {
  return [
    ...linkFields(attrs, set),
    labelled(t("buttonKind"), select([["filled", t("filled")], ["outline", t("outline")]], attrs.kind, (kind) => set({ kind }))),
    alignment(attrs, set),
    checkbox(t("fullWidth"), attrs.full, (full) => set({ full })),
  ];
}

function columnsFields(attrs, set, { count }) {
  const ratios = count === 2 ? ["1:1", "1:2", "2:1"] : [RATIOS[count]];
  return [
    labelled(t("ratio"), select(ratios.map((ratio) => [ratio, t(`ratio-${ratio}`)]), attrs.ratio, (ratio) => set({ ratio }))),
    checkbox(t("stacks"), attrs.stacks, (stacks) => set({ stacks })),
  ];
}

function socialFields(attrs, set) {
  let links = attrs.links.map((each) => ({ ...each }));
  const list = make("ul", { class: "w-rows" });
  const send = () => set({ links: links.filter(({ url }) => url) });
  const draw = () => list.replaceChildren(...links.map((each, index) => {
    const url = input("text", each.url, (typed) => {
      if (isBegun(typed)) return;
      const href = whole(typed);
      url.toggleAttribute("aria-invalid", href === null);
      if (href === null) return;
      links[index] = { ...links[index], url: href };
      send();
    }, { "aria-label": t("networkUrl", { network: t(`network-${each.network}`) }), placeholder: "https://", dir: "ltr" });
    const network = select(NETWORKS.map((name) => [name, t(`network-${name}`)]), each.network, (name) => { links[index] = { ...links[index], network: name }; send(); draw(); }, { "aria-label": t("network") });
    const gone = make("button", { type: "button", class: "btn btn-small", onclick: () => { links.splice(index, 1); send(); draw(); } }, t("remove"));
    const row = make("li", {}, network, url, gone);
    tagged(url, t("networkUrl", { network: t(`network-${each.network}`) }));
    return row;
  }));
  draw();
  const add = make("button", { type: "button", class: "btn btn-small", "data-first": "", onclick: () => {
    const used = links.map(({ network }) => network);
    links = [...links, { network: NETWORKS.find((name) => !used.includes(name)) ?? "website", url: "" }];
    draw();
    list.lastElementChild.querySelector("input").focus();
  } }, t("addNetwork"));
  const look = labelled(t("socialLook"), select([["text", t("socialText")], ["icons", t("socialIcons")]], attrs.look, (chosen) => set({ look: chosen })));
  return [list, add, look, alignment(attrs, set)];
}

function htmlFields(attrs, set) {
  const area = make("textarea", { class: "form-control code", rows: 12, spellcheck: "false", dir: "ltr", "data-first": "", oninput: () => set({ source: area.value }) });
  area.value = attrs.source;
  return [labelled(t("htmlSource"), area, t("htmlHint"))];
}

function personalFields(attrs, set, { tags }) {
  const value = labelled(t("value"), input("text", attrs.value, (typed) => set({ value: typed })));
  const operators = select(OPERATORS.map((name) => [name, t(`operator-${name}`)]), attrs.operator, (operator) => { set({ operator }); show(operator); });
  const show = (operator) => { value.hidden = operator === "is_set" || operator === "is_not_set"; };
  show(attrs.operator);
  return [
    make("p", { class: "hint" }, t("personalHint")),
    labelled(t("field"), select([["", t("chooseField")], ...tags.map(({ name, label }) => [name, label])], attrs.field, (field) => set({ field }), { "data-first": "" })),
    labelled(t("condition"), operators),
    value,
  ];
}

function tagFields(attrs, set, { tags, filters }) {
  const known = tags.some(({ name }) => name === attrs.name) ? tags : [{ name: attrs.name, label: attrs.name }, ...tags];
  return [
    labelled(t("field"), select(known.map(({ name, label }) => [name, label]), attrs.name, (name) => set({ name }), { "data-first": "" })),
    labelled(t("fallback"), input("text", attrs.fallback, (fallback) => set({ fallback })), t("fallbackHint")),
    labelled(t("filter"), select([["", t("filterNone")], ...filters.map((name) => [name, t(`filter-${name}`)])], attrs.filter ?? "", (filter) => set({ filter: filter || null }))),
  ];
}

const FIELDS = {
  image: imageFields, button: buttonFields, columns: columnsFields, social: socialFields, html: htmlFields, personal: personalFields, mergeTag: tagFields,
  spacer: (attrs, set) => [labelled(t("height"), input("range", attrs.height, (value) => set({ height: Number(value) }), { min: 8, max: 120, step: 4, "data-first": "" }))],
  card: (attrs, set) => [
    labelled(t("cardColor"), input("color", attrs.background ?? "#f2f6f7", (background) => set({ background }))),
    make("button", { type: "button", class: "btn btn-small", onclick: () => set({ background: null }) }, t("fromStyle")),
  ],
};

/** Whether a node has settings. */
export const hasSettings = (name) => name in FIELDS;

/** The fields of a node's settings; `set(attrs)` changes the node. */
export function settingsOf(name, attrs, set, context) {
  return FIELDS[name]?.(attrs, set, context) ?? [];
}
