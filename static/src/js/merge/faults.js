// What is wrong with the merge tags of a line, under its field while it is written.

/** Says the sentence under the field of that id, or takes it away when it is empty. */
export function markFault(id, sentence) {
  const field = document.getElementById(id);
  if (!field) return;
  const known = document.getElementById(`${id}-fault`);
  if (!sentence) {
    known?.remove();
    describe(field, (ids) => ids.filter((each) => each !== `${id}-fault`));
    return;
  }
  const place = known ?? document.createElement("p");
  place.id = `${id}-fault`;
  place.className = "hint field-fault";
  place.setAttribute("role", "status");
  if (!known) {
    (field.closest(".merge-complete") ?? field).after(place);
    describe(field, (ids) => [...ids, place.id]);
  }
  if (place.textContent !== sentence) place.textContent = sentence;
}

function describe(field, change) {
  const ids = change((field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
  if (ids.length) field.setAttribute("aria-describedby", ids.join(" "));
  else field.removeAttribute("aria-describedby");
}
