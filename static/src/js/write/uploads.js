// Images that are pasted, dropped or chosen: sent to the library, then put where they belong.
import { announce, send } from "../page.js";
import { make } from "./dom.js";
import { insert } from "./moving.js";
import { t } from "./words.js";

const TYPES = /^image\/(png|jpe?g|gif|webp|avif)$/;

async function upload(url, file) {
  const body = new FormData();
  body.set("file", file);
  const answer = await send(url, body).catch(() => null);
  const told = await answer?.json().catch(() => null);
  const [made] = told?.images ?? [];
  if (!made) throw new Error(told?.errors?.join(" ") || told?.error || t("uploadFailed"));
  return made;
}

/** Puts images of a clipboard or a drop into the text; false when there are none. */
export function take(editor, files, url, say) {
  const images = [...files].filter((file) => TYPES.test(file.type));
  if (!images.length) return false;
  if (!url) {
    say(t("noUploads"));
    return true;
  }
  (async () => {
    for (const file of images) {
      say(t("uploading", { name: file.name }));
      try {
        const { src, alt, width } = await upload(url, file);
        insert(editor, { type: "image", attrs: { src, alt: alt ?? "", width: width ?? null } });
        say("");
        announce(t("inserted", { block: t("block-image") }));
      } catch (error) {
        say(error.message);
      }
    }
  })();
  return true;
}

/** The buttons of an image's settings that choose one from the library or upload one. */
export function mediaButtons({ uploadUrl, picker }, say) {
  return (attrs, set) => {
    const buttons = [];
    if (picker) {
      const choose = make("button", { type: "button", class: "btn btn-small", "data-first": "", "data-opens-media": "" }, t("fromLibrary"));
      choose.addEventListener("media-chosen", ({ detail }) => set({ src: detail.src, alt: attrs.alt || detail.alt || "", width: detail.width ?? null }));
      choose.addEventListener("click", () => choose.dispatchEvent(new CustomEvent("media-open", { bubbles: true })));
      buttons.push(choose);
    }
    if (uploadUrl) {
      const file = make("input", { type: "file", accept: "image/*", hidden: true, onchange: async () => {
        if (!file.files[0]) return;
        say(t("uploading", { name: file.files[0].name }));
        try {
          const { src, alt, width } = await upload(uploadUrl, file.files[0]);
          set({ src, alt: attrs.alt || alt || "", width: width ?? null });
          say("");
        } catch (error) { say(error.message); }
      } });
      buttons.push(make("button", { type: "button", class: "btn btn-small", onclick: () => file.click() }, t("upload")), file);
    }
    return buttons.length ? [make("div", { class: "w-buttons" }, ...buttons)] : [];
  };
}
