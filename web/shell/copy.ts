// Copying what is shown once: links and secrets.

import { text } from "./text";
import { toast } from "./toasts";

/** data-copy="id" copies the text of that element; data-absolute makes a path an address. */
export function watchCopying(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-absolute]")) {
    element.textContent = new URL(element.textContent ?? "", location.href).href;
  }
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-copy]") : null;
    const source = button && document.getElementById(button.dataset["copy"] ?? "");
    if (!source) return;
    const copied = navigator.clipboard?.writeText(source.textContent ?? "") ?? Promise.reject(new Error("no clipboard"));
    copied.then(
      () => toast(text("Copied"), "", "good"),
      () => {
        // Without TLS there is no clipboard: then it is chosen, to be copied by hand.
        getSelection()?.selectAllChildren(source);
        toast(text("Press Ctrl+C to copy it"));
      },
    );
  });
}
