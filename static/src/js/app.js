// Plain HTML works without this file. Each module finds its elements by data-behaviour and improves them.
import htmx from "htmx.org";
import { confirm, dialog, openDialog } from "./dialogs.js";
import { autosave, bulk, lineNumbers, renewed, sendOnce, unsaved } from "./forms.js";
import { live } from "./live.js";
import { mergeComplete } from "./merge/complete.js";
import { mediaCrop, mediaUpload } from "./media/library.js";
import { mediaPicker } from "./media/picker.js";
import { menu } from "./menus.js";
import { openPalette, palette } from "./palette.js";
import { preview, previewSearch, previewWidth } from "./preview/frame.js";
import { passkeyAsk, passkeyCreate } from "./passkey.js";
import { editor } from "./saving/editor.js";
import { forget } from "./saving/kept.js";
import "./shortcuts.js";
import { autosubmit, copy, countdown, dismiss, drop, fill, focus, mergeTags, password, preset, proposes, reveal, ring, tabs, tally, theme, timezone } from "./small.js";

const behaviours = {
  autosave, autosubmit, bulk, confirm, copy, countdown, dialog, dismiss, drop, fill, focus, forget, live, menu,
  "media-crop": mediaCrop, "media-picker": mediaPicker, "media-upload": mediaUpload,
  editor, "merge-complete": mergeComplete, "merge-tags": mergeTags, "open-dialog": openDialog, "open-palette": openPalette, palette, "passkey-ask": passkeyAsk, "passkey-create": passkeyCreate, password, preset, preview, proposes, "preview-search": previewSearch, "preview-width": previewWidth,
  "line-numbers": lineNumbers, renewed, reveal, ring, tabs, tally, theme, timezone, unsaved,
};
const improved = new WeakSet();

function improve(root) {
  const found = [...(root.matches?.("[data-behaviour]") ? [root] : []), ...root.querySelectorAll("[data-behaviour]")];
  for (const element of found) {
    if (improved.has(element)) continue;
    improved.add(element);
    for (const name of element.dataset.behaviour.split(" ")) behaviours[name]?.(element);
  }
}

sendOnce();
improve(document);
htmx.onLoad((root) => {
  improve(root);
  const region = root.closest?.('[data-behaviour~="live"]');
  if (region) live(region);
});
