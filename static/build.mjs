// Builds static/dist from static/src: `npm ci && npm run build`.
// Every file's name carries a hash of what is in it; manifest.json maps the plain name to the hashed one.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { PurgeCSS } from "purgecss";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const source = path.join(root, "static/src");
const target = path.join(root, "static/dist");
const icons = path.join(root, "node_modules/@tabler/icons/icons");
const manifest = {};

// Classes in these files are kept; everything else of the kit is left out.
const CONTENT = ["templates/**/*.html", "campaigns/**/*.py", "static/src/js/**/*.js"];
// Classes that only a library's script writes.
const SAFELIST = { standard: [/^u-/, /^uplot/, /^htmx-/], greedy: [/data-bs-theme/] };

async function write(name, content) {
  const { dir, name: stem, ext } = path.parse(name);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 10);
  const hashed = path.posix.join(dir, `${stem}.${hash}${ext}`);
  await mkdir(path.join(target, dir), { recursive: true });
  await writeFile(path.join(target, hashed), content);
  manifest[name] = hashed;
  if (/\.(css|js|svg)$/.test(name)) {
    const sizes = [content.length, gzipSync(content).length].map((bytes) => `${(bytes / 1024).toFixed(1)} KB`);
    console.log(name.padEnd(12), sizes[0].padStart(10), `(${sizes[1]} gzipped)`);
  }
}

// Fonts go first, under their own hashed names, because the styles point at them.
async function bundle(entryPoints, options = {}) {
  const result = await build({
    entryPoints: entryPoints.map((entry) => (entry.in ? { ...entry, in: path.join(source, entry.in) } : path.join(source, entry))),
    outdir: target,
    bundle: true,
    minify: true,
    write: false,
    target: ["chrome111", "firefox113", "safari16.4"],
    loader: { ".woff2": "file", ".svg": "dataurl" },
    assetNames: "fonts/[name].[hash]",
    legalComments: "none",
    logLevel: "warning",
    ...options,
  });
  return result.outputFiles.map((file) => ({ name: path.relative(target, file.path), content: file.contents }));
}

// Only the kit is purged: our own rules are all meant, and some of their names are put together in templates.
async function buildStyles() {
  const files = await bundle(["css/kit.css", "css/app.css", "css/public.css", "css/write.css"], { entryNames: "[name]" });
  const text = (name) => Buffer.from(files.find((file) => file.name === name).content).toString();
  await write("app.css", (await purge(text("kit.css"))) + text("app.css"));
  await write("public.css", text("public.css"));
  await write("write.css", text("write.css"));
  for (const font of files.filter(({ name }) => name.endsWith(".woff2"))) await writeFont(font);
}

async function writeFont({ name, content }) {
  await mkdir(path.dirname(path.join(target, name)), { recursive: true });
  await writeFile(path.join(target, name), content);
  manifest[path.basename(name).replace(/\.[^.]+\.woff2$/, ".woff2")] = name;
}

async function purge(css) {
  const [result] = await new PurgeCSS().purge({
    content: CONTENT.map((pattern) => path.join(root, pattern)),
    css: [{ raw: css }],
    safelist: SAFELIST,
    // Jinja and HTML: a class ends at a quote, a space or a brace.
    defaultExtractor: (text) => text.match(/[\w-/:.]+(?<![:.])/g) ?? [],
  });
  return result.css;
}

async function buildScripts() {
  const scripts = await bundle(["js/app.js", "js/theme.js", "js/chart.js"], { entryNames: "[name]", format: "iife" });
  const pages = [{ in: "js/write/index.js", out: "document" }, { in: "js/code/index.js", out: "code" }];
  const editors = await Promise.all(pages.map((page) => bundle([page], { format: "iife" })));
  for (const { name, content } of [...scripts, ...editors.flat()]) await write(name, content);
}

// One sprite of the icons we use: <use href="icons.svg#name">. A name with a slash picks a style: filled/circle.
async function buildIcons() {
  const names = JSON.parse(await readFile(path.join(source, "icons.json"), "utf8"));
  const symbols = await Promise.all(names.map(symbol));
  await write("icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`);
}

async function symbol(entry) {
  const [style, name] = entry.includes("/") ? entry.split("/") : ["outline", entry];
  const svg = await readFile(path.join(icons, style, `${name}.svg`), "utf8");
  const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
  const drawn = body.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none" \/>/, "").replace(/\s*\n\s*/g, "");
  const paint = style === "filled"
    ? 'fill="currentColor"'
    : 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"';
  const id = style === "filled" ? `${name}-filled` : name;
  return `<symbol id="${id}" viewBox="0 0 24 24" ${paint}>${drawn}</symbol>`;
}

async function copyImages() {
  for (const name of await readdir(path.join(source, "img"))) {
    await write(name, await readFile(path.join(source, "img", name)));
  }
}

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
await Promise.all([buildStyles(), buildScripts(), buildIcons(), copyImages()]);
const sorted = Object.fromEntries(Object.entries(manifest).sort());
await writeFile(path.join(target, "manifest.json"), `${JSON.stringify(sorted, null, 2)}\n`);
