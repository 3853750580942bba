// Boxes beside a place in the text.
import { autoUpdate, computePosition, flip, offset, shift } from "@floating-ui/dom";

/** Keeps `box` beside what `rect()` measures, until the returned function is called. */
export function float(box, rect, { placement = "bottom-start", within = document.body } = {}) {
  const reference = { getBoundingClientRect: rect, contextElement: within };
  const place = async () => {
    const { x, y } = await computePosition(reference, box, { placement, strategy: "fixed", middleware: [offset(6), flip(), shift({ padding: 8 })] });
    box.style.left = `${x}px`;
    box.style.top = `${y}px`;
  };
  return autoUpdate(reference, box, place, { animationFrame: false });
}
