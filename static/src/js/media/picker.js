// The picker of images: opened by the event `media-open`, it answers the element that sent it with `media-chosen`.
const PAUSE_MS = 200;

export function mediaPicker(dialog) {
  const tiles = dialog.querySelector("[data-media-tiles]");
  const search = dialog.querySelector("[data-media-search]");
  const status = dialog.querySelector("[data-media-status]");
  const input = dialog.querySelector('input[type="file"]');
  let opener = null;
  let asked = 0;
  let timer = 0;

  async function load() {
    const number = ++asked;
    try {
      const answer = await fetch(`${dialog.dataset.tiles}?${new URLSearchParams({ q: search.value })}`);
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      const html = await answer.text();
      if (number === asked) tiles.innerHTML = html;
    } catch {
      status.textContent = dialog.dataset.failed;
    }
  }

  function choose(detail) {
    dialog.close();
    opener?.dispatchEvent(new CustomEvent("media-chosen", { detail, bubbles: true }));
  }

  async function upload(files) {
    if (!files.length) return;
    const body = new FormData();
    for (const file of files) body.append("file", file);
    dialog.setAttribute("aria-busy", "true");
    try {
      const headers = { Accept: "application/json", "X-CSRFToken": dialog.dataset.token };
      const answer = await fetch(dialog.dataset.upload, { method: "POST", body, headers });
      const said = await answer.json();
      status.textContent = said.errors?.join(" ") ?? said.error ?? "";
      if (said.images?.length === 1 && !said.errors.length) choose(said.images[0]);
      else await load();
    } catch {
      status.textContent = dialog.dataset.failed;
    } finally {
      dialog.removeAttribute("aria-busy");
      input.value = "";
    }
  }

  document.addEventListener("media-open", (event) => {
    opener = event.target;
    status.textContent = "";
    dialog.showModal();
    load();
  });
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(load, PAUSE_MS); });
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  input.addEventListener("change", () => upload([...input.files]));
  dialog.addEventListener("dragover", (event) => event.preventDefault());
  dialog.addEventListener("drop", (event) => { event.preventDefault(); upload([...event.dataTransfer.files]); });
  dialog.addEventListener("paste", (event) => upload([...(event.clipboardData?.files ?? [])]));
  tiles.addEventListener("click", (event) => {
    const tile = event.target.closest("[data-media-src]");
    if (tile) choose({ src: tile.dataset.mediaSrc, alt: tile.dataset.mediaAlt, width: Number(tile.dataset.mediaWidth) });
  });
}
