// The blocks and inline nodes of a document, and how each looks while it is written.
import { Mark, Node } from "@tiptap/core";
import { make, icon } from "./dom.js";
import { luminance } from "./style.js";
import { t } from "./words.js";

const DARK = 0.3; // a background on which text is light

const linked = { href: { default: "" }, tracked: { default: true }, utm: { default: null } };
const hidden = (attributes) => Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, { rendered: false, ...value }]));

/** The alignment of headings and paragraphs, as a class: inline styles would need a wider policy. */
export const align = {
  types: ["heading", "paragraph"],
  attributes: {
    align: {
      default: "left",
      parseHTML: (element) => (["center", "right"].includes(element.dataset.align) ? element.dataset.align : "left"),
      renderHTML: ({ align: side }) => (side && side !== "left" ? { "data-align": side } : {}),
    },
  },
};

/** A block whose look is made by `draw(element, node)`; `hole`: where its content goes. */
function view(draw, { tag = "div", hole = null } = {}) {
  return () => ({ node, HTMLAttributes }) => {
    const dom = make(tag, { ...HTMLAttributes, class: `w-block w-${node.type.name}`, "data-node": node.type.name });
    const contentDOM = hole ? make(hole, { class: "w-inside" }) : undefined;
    const head = make("div", { class: "w-head", contenteditable: "false" });
    dom.append(...(contentDOM ? [head, contentDOM] : [head]));
    const update = (next) => {
      if (next.type !== node.type) return false;
      draw({ dom, head, contentDOM }, next);
      return true;
    };
    update(node);
    return { dom, contentDOM, update, ignoreMutation: (change) => !contentDOM?.contains(change.target) };
  };
}

export const Divider = Node.create({
  name: "divider",
  group: "block",
  atom: true,
  selectable: true,
  parseHTML: () => [{ tag: "hr" }],
  renderHTML: () => ["hr"],
  addNodeView: view(({ head }) => { head.replaceChildren(make("hr")); }),
});

export const Spacer = Node.create({
  name: "spacer",
  group: "block",
  atom: true,
  addAttributes: () => hidden({ height: { default: 24, parseHTML: (element) => Number(element.dataset.height) || 24 } }),
  parseHTML: () => [{ tag: "div[data-spacer]" }],
  renderHTML: ({ node }) => ["div", { "data-spacer": "", "data-height": node.attrs.height }],
  addNodeView: view(({ dom, head }, node) => {
    dom.style.height = `${node.attrs.height}px`;
    head.replaceChildren(make("span", { class: "w-note" }, t("spacerOf", { height: node.attrs.height })));
  }),
});

export const Image = Node.create({
  name: "image",
  group: "block",
  atom: true,
  draggable: true,
  addAttributes: () => hidden({
    src: { default: "", parseHTML: (element) => element.getAttribute("src") ?? "" },
    alt: { default: "", parseHTML: (element) => element.getAttribute("alt") ?? "" },
    width: { default: null, parseHTML: (element) => Number.parseInt(element.getAttribute("width"), 10) || null },
    align: { default: "center" },
    rounded: { default: false },
    ...linked,
    href: { default: "", parseHTML: (element) => element.closest("a")?.getAttribute("href") ?? "" },
  }),
  parseHTML: () => [{ tag: "img[src]" }],
  renderHTML: ({ node }) => ["img", { src: node.attrs.src, alt: node.attrs.alt, width: node.attrs.width }],
  addNodeView: view(({ dom, head }, node) => {
    const { src, alt, width, rounded } = node.attrs;
    dom.dataset.align = node.attrs.align;
    if (!src) {
      head.replaceChildren(make("div", { class: "w-empty" }, icon("photo"), make("span", {}, t("chooseImage"))));
      return;
    }
    const picture = make("img", { src, alt, class: rounded ? "w-rounded" : "" });
    picture.style.width = width ? `${width}px` : "100%";
    head.replaceChildren(picture, ...(alt ? [] : [make("span", { class: "w-note w-warn" }, t("noAlt"))]));
  }),
});

export const Button = Node.create({
  name: "button",
  group: "block",
  content: "(text | mergeTag)*",
  marks: "",
  defining: true,
  isolating: true,
  addAttributes: () => hidden({ align: { default: "left" }, kind: { default: "filled" }, full: { default: false }, ...linked }),
  parseHTML: () => [{ tag: "div[data-button]" }],
  renderHTML: ({ node }) => ["div", { "data-button": "", "data-href": node.attrs.href }, 0],
  addNodeView: view(({ dom, head, contentDOM }, node) => {
    dom.dataset.align = node.attrs.align;
    dom.dataset.kind = node.attrs.kind;
    dom.toggleAttribute("data-full", node.attrs.full);
    contentDOM.dataset.placeholder = t("buttonText");
    head.replaceChildren(...(node.attrs.href ? [] : [make("span", { class: "w-note w-warn" }, t("noLink"))]));
  }, { hole: "span" }),
});

export const Columns = Node.create({
  name: "columns",
  group: "wide",
  content: "column{2,4}",
  isolating: true,
  defining: true,
  addAttributes: () => hidden({ ratio: { default: "1:1" }, stacks: { default: true } }),
  parseHTML: () => [{ tag: "div[data-columns]", getAttrs: (element) => ({ ratio: element.dataset.columns, stacks: element.dataset.stacks !== "no" }) }],
  renderHTML: ({ node }) => ["div", { "data-columns": node.attrs.ratio, "data-stacks": node.attrs.stacks ? "yes" : "no" }, 0],
  addNodeView: view(({ dom }, node) => { dom.dataset.ratio = node.attrs.ratio; }, { hole: "div" }),
});

export const Column = Node.create({
  name: "column",
  content: "(block | boxed)+",
  isolating: true,
  selectable: false,
  parseHTML: () => [{ tag: "div[data-column]" }],
  renderHTML: () => ["div", { "data-column": "", class: "w-column" }, 0],
});

export const Card = Node.create({
  name: "card",
  group: "boxed",
  content: "block+",
  isolating: true,
  defining: true,
  addAttributes: () => hidden({ background: { default: null } }),
  parseHTML: () => [{ tag: "div[data-card]" }],
  renderHTML: () => ["div", { "data-card": "" }, 0],
  addNodeView: view(({ dom }, node) => {
    const { background } = node.attrs;
    dom.style.backgroundColor = background ?? "";
    dom.style.setProperty("--m-card-own", background ?? "");
    dom.classList.toggle("w-on-dark", Boolean(background) && luminance(background) < DARK); // as it is rendered
  }, { hole: "div" }),
});

export const Social = Node.create({
  name: "social",
  group: "block",
  atom: true,
  addAttributes: () => hidden({ align: { default: "center" }, look: { default: "text" }, links: { default: [] } }),
  parseHTML: () => [{ tag: "div[data-social]", getAttrs: (element) => ({ links: JSON.parse(element.dataset.social), look: element.dataset.look === "icons" ? "icons" : "text" }) }],
  renderHTML: ({ node }) => ["div", { "data-social": JSON.stringify(node.attrs.links), "data-look": node.attrs.look }],
  addNodeView: view(({ dom, head }, node) => {
    dom.dataset.align = node.attrs.align;
    const isIcons = node.attrs.look === "icons";
    const names = node.attrs.links.map(({ network }) => (isIcons
      ? make("img", { class: "w-network-icon", src: `/media/social/1/${network}.png`, alt: t(`network-${network}`), width: 32, height: 32 })
      : make("span", { class: "w-network" }, t(`network-${network}`))));
    head.replaceChildren(...(names.length ? names : [make("div", { class: "w-empty" }, icon("world"), make("span", {}, t("chooseNetworks")))]));
  }),
});

export const Html = Node.create({
  name: "html",
  group: "block",
  atom: true,
  addAttributes: () => hidden({ source: { default: "" } }),
  parseHTML: () => [{ tag: "pre[data-html]", getAttrs: (element) => ({ source: element.textContent }) }],
  renderHTML: ({ node }) => ["pre", { "data-html": "" }, node.attrs.source || " "],
  addNodeView: view(({ head }, node) => {
    const source = node.attrs.source.trim();
    const lines = source.split("\n");
    head.replaceChildren(make("span", { class: "w-label" }, t("htmlBlock")), make("pre", {}, source ? lines.slice(0, 6).join("\n") + (lines.length > 6 ? "\n…" : "") : t("htmlEmpty")));
  }),
});

export const Personal = Node.create({
  name: "personal",
  group: "block",
  content: "(block | boxed | wide)+",
  isolating: true,
  defining: true,
  addAttributes: () => hidden({ field: { default: "" }, operator: { default: "is_set" }, value: { default: "" } }),
  parseHTML: () => [{ tag: "div[data-personal]", getAttrs: (element) => JSON.parse(element.dataset.personal) }],
  renderHTML: ({ node }) => ["div", { "data-personal": JSON.stringify(node.attrs) }, 0],
  addNodeView() {
    const { label } = this.options;
    return view(({ head }, node) => {
      const { field, operator, value } = node.attrs;
      const sentence = field ? t(`shownIf-${operator}`, { field: label(field), value }) : t("chooseCondition");
      head.replaceChildren(icon("user-check"), make("span", { class: field ? "w-label" : "w-label w-warn" }, sentence));
    }, { hole: "div" })();
  },
  addOptions: () => ({ label: (name) => name }),
});

export const MergeTag = Node.create({
  name: "mergeTag",
  group: "inline",
  inline: true,
  atom: true,
  selectable: true,
  addOptions: () => ({ label: (name) => name, isKnown: () => true }),
  addAttributes: () => hidden({ name: { default: "" }, fallback: { default: "" }, filter: { default: null } }),
  parseHTML: () => [{ tag: "span[data-tag]", getAttrs: (element) => JSON.parse(element.dataset.tag) }],
  renderHTML: ({ node }) => ["span", { "data-tag": JSON.stringify(node.attrs) }, node.attrs.name],
  renderText: ({ node }) => `{{ ${node.attrs.name} }}`,
  addNodeView() {
    const { label, isKnown } = this.options;
    return ({ node }) => {
      const dom = make("span", { class: "w-tag", contenteditable: "false", "data-node": "mergeTag" });
      const update = (next) => {
        if (next.type.name !== "mergeTag") return false;
        const { name, fallback } = next.attrs;
        dom.textContent = fallback ? t("tagOr", { field: label(name), fallback }) : label(name);
        dom.classList.toggle("w-unknown", !isKnown(name));
        dom.title = isKnown(name) ? `{{ ${name} }}` : t("tagUnknown", { field: name });
        return true;
      };
      update(node);
      return { dom, update };
    };
  },
});

export const Link = Mark.create({
  name: "link",
  inclusive: false,
  addAttributes: () => ({
    href: { default: "", parseHTML: (element) => element.getAttribute("href"), renderHTML: ({ href }) => ({ "data-href": href, title: href }) },
    tracked: { default: true, rendered: false, parseHTML: (element) => !element.hasAttribute("data-no-track") },
    utm: { default: null, rendered: false },
  }),
  parseHTML: () => [{ tag: "a[href]", getAttrs: (element) => /^(https?:|mailto:|tel:|sms:|\{\{)/i.test(element.getAttribute("href").trim()) && null }, { tag: "span[data-href]", getAttrs: (element) => ({ href: element.dataset.href }) }],
  renderHTML: ({ HTMLAttributes }) => ["span", { ...HTMLAttributes, class: "w-link" }, 0],
});

export const TextColor = Mark.create({
  name: "textColor",
  addAttributes: () => ({ color: { default: null, parseHTML: (element) => element.dataset.color, renderHTML: ({ color }) => ({ "data-color": color }) } }),
  parseHTML: () => [{ tag: "span[data-color]" }],
  renderHTML: ({ HTMLAttributes }) => ["span", HTMLAttributes, 0],
  addMarkView() {
    return ({ mark, HTMLAttributes }) => {
      const dom = make("span", HTMLAttributes);
      if (/^#[0-9a-f]{6}$/i.test(mark.attrs.color ?? "")) dom.style.color = mark.attrs.color;
      return { dom, contentDOM: dom };
    };
  },
});
