// What is pasted from Word, Google Docs and web pages, as the blocks and marks we know.
const GONE = "script,style,meta,link,title,form,input,button,select,textarea,iframe,object,embed,noscript,template,svg,canvas,video,audio,o\\:p,xml";
const SAFE = /^(https?:|mailto:|tel:)/i;

// Styles and handlers under other names: under their own the page's policy reports each of them.
const renamed = (html) => html.replace(/<style[\s\S]*?<\/style\s*>/gi, "").replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/(\s)style\s*=/gi, "$1data-was-style=").replace(/(\s)on\w+\s*=/gi, "$1data-was-on="));

/** The declarations of what was an element's style attribute. */
function styleOf(element) {
  const found = {};
  for (const each of (element.dataset.wasStyle ?? "").split(";")) {
    const at = each.indexOf(":");
    if (at > 0) found[each.slice(0, at).trim().toLowerCase()] = each.slice(at + 1).trim().toLowerCase();
  }
  return found;
}

/** The HTML without what no email shows, with lists and marks as elements. */
export function cleaned(html) {
  const page = new DOMParser().parseFromString(renamed(html.replace(/<!--\[if[\s\S]*?<!\[endif\]-->/g, "")), "text/html");
  page.querySelectorAll(GONE).forEach((element) => element.remove());
  dropComments(page.body);
  wordLists(page.body);
  page.querySelectorAll("img").forEach(image);
  page.querySelectorAll("a").forEach(link);
  page.querySelectorAll("b,strong").forEach((element) => { if (/^(normal|[1-4]00)$/.test(styleOf(element)["font-weight"] ?? "")) unwrap(element); });
  page.querySelectorAll("span,font").forEach(styled);
  page.querySelectorAll("div,section,article,header,footer,main,center").forEach((element) => {
    if (!ours(element)) unwrapBlock(element);
  });
  page.querySelectorAll("*").forEach(bare);
  return page.body.innerHTML;
}

function dropComments(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_COMMENT);
  const found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  found.forEach((node) => node.remove());
}

/** Word writes lists as paragraphs with a level in their style and a bullet as text. */
function wordLists(root) {
  let stack = [];
  for (const paragraph of root.querySelectorAll("p")) {
    const level = Number(/\blevel(\d)/.exec(styleOf(paragraph)["mso-list"] ?? "")?.[1] ?? 0);
    const follows = paragraph.previousElementSibling === stack[0]?.list;
    if (!level) {
      stack = [];
      continue;
    }
    if (!follows) stack = [];
    const marker = [...paragraph.querySelectorAll("span")].find((span) => styleOf(span)["mso-list"] === "ignore");
    const ordered = /^\s*(\d+|[a-z]|[ivx]+)[.)]/i.test(marker?.textContent ?? "");
    marker?.remove();
    while (stack.length > level) stack.pop();
    while (stack.length < level) {
      const list = document.createElement(ordered ? "ol" : "ul");
      const holder = stack.at(-1);
      if (!holder) paragraph.before(list);
      else (holder.list.lastElementChild ?? holder.list.appendChild(document.createElement("li"))).append(list);
      stack.push({ list });
    }
    const item = document.createElement("li");
    const inside = document.createElement("p");
    inside.append(...paragraph.childNodes);
    item.append(inside);
    stack.at(-1).list.append(item);
    paragraph.remove();
  }
}

function image(element) {
  const size = (name) => Number.parseInt(element.getAttribute(name) || styleOf(element)[name], 10);
  const isPixel = size("width") <= 2 || size("height") <= 2;
  const source = element.getAttribute("src") ?? "";
  if (isPixel || !(/^https?:/i.test(source) || source.startsWith("/media/"))) element.remove();
}

function link(element) {
  const href = element.getAttribute("href") ?? "";
  const through = /^https?:\/\/(?:www\.)?google\.[a-z.]+\/url\?(?:.*&)?(?:q|url)=([^&]+)/i.exec(href);
  const target = through ? decoded(through[1]) : href;
  if (SAFE.test(target.trim())) element.setAttribute("href", target.trim());
  else unwrap(element);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Spans that only carry a style become the mark that the style means. */
function styled(element) {
  if (element.dataset.tag || element.dataset.href || element.dataset.color) return;
  const style = styleOf(element);
  const line = style["text-decoration-line"] ?? style["text-decoration"] ?? "";
  const marks = [
    /^(bold|bolder|[6-9]00)$/.test(style["font-weight"] ?? "") && "strong", style["font-style"] === "italic" && "em",
    line.includes("underline") && !element.closest("a") && "u", line.includes("line-through") && "s",
  ].filter(Boolean);
  let inner = element;
  for (const name of marks) {
    const mark = document.createElement(name);
    mark.append(...inner.childNodes);
    inner.append(mark);
    inner = mark;
  }
  unwrap(element);
}

function unwrap(element) {
  element.replaceWith(...element.childNodes);
}

/** A div with only text is a paragraph; one with blocks in it is nothing. */
function unwrapBlock(element) {
  if (element.querySelector("p,div,ul,ol,table,h1,h2,h3,h4,h5,h6,blockquote,pre,img,hr")) unwrap(element);
  else {
    const paragraph = document.createElement("p");
    paragraph.append(...element.childNodes);
    element.replaceWith(paragraph);
  }
}

const KEPT = new Set(["href", "src", "alt", "width", "start", "data-pm-slice"]);

/** Whether an element was copied in this editor. */
function ours(element) {
  return Object.keys(element.dataset).some((name) => !name.startsWith("was"));
}

function bare(element) {
  for (const { name } of [...element.attributes]) {
    if (!KEPT.has(name) && (!name.startsWith("data-") || name.startsWith("data-was"))) element.removeAttribute(name);
  }
}
