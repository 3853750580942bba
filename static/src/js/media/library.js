// The image library: uploading by paste and drop, and choosing a part of an image.

/** A form with files that goes off as soon as some are chosen, dropped or pasted. */
export function mediaUpload(form) {
  const input = form.querySelector('input[type="file"]');
  input.addEventListener("change", () => input.files.length && form.requestSubmit());
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    input.files = files;
    form.requestSubmit();
  });
}

/** Dragging over the image fills in the part to cut out; Alt and a click, the focal point. Numbers are pixels of the file. */
export function mediaCrop(box) {
  const form = document.getElementById(box.dataset.form);
  if (!form) return;
  const image = box.querySelector("img");
  const part = mark(box, "media-part");
  const focal = mark(box, "media-focal");
  const field = (name) => form.elements[name];
  const at = (event) => {
    const area = image.getBoundingClientRect();
    const inside = (value, most) => Math.min(Math.max(value, 0), most);
    return { x: inside(event.clientX - area.left, area.width) / area.width, y: inside(event.clientY - area.top, area.height) / area.height };
  };
  let start = null;

  function showFocal() {
    focal.hidden = field("focal_x").value === "";
    focal.style.left = `${field("focal_x").value}%`;
    focal.style.top = `${field("focal_y").value}%`;
  }

  function choose(end) {
    const [left, top] = [Math.min(start.x, end.x), Math.min(start.y, end.y)];
    const [width, height] = [Math.abs(start.x - end.x), Math.abs(start.y - end.y)];
    const isPart = width > 0.01 && height > 0.01;
    const [wide, high] = [image.getAttribute("width"), image.getAttribute("height")].map(Number);
    const values = { left: left * wide, top: top * high, crop_width: width * wide, crop_height: height * high };
    for (const [name, value] of Object.entries(values)) field(name).value = isPart ? Math.round(value) : "";
    part.hidden = !isPart;
    Object.assign(part.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${width * 100}%`, height: `${height * 100}%` });
  }

  image.draggable = false;
  box.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    if (event.altKey) {
      const point = at(event);
      field("focal_x").value = Math.round(point.x * 100);
      field("focal_y").value = Math.round(point.y * 100);
      showFocal();
      return;
    }
    start = at(event);
    box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => start && choose(at(event)));
  box.addEventListener("pointerup", () => { start = null; });
  box.addEventListener("pointercancel", () => { start = null; });
  form.addEventListener("input", showFocal);
  showFocal();
}

function mark(box, name) {
  const element = document.createElement("span");
  element.className = name;
  element.hidden = true;
  box.append(element);
  return element;
}
