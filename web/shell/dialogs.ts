// Dialogs: data-open="id" opens one, data-close closes the one around it; forms that ask first.

import { text } from "./text";

/** Open and close dialogs as their buttons say. */
export function watchDialogs(): void {
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const opener = target?.closest<HTMLElement>("[data-open]");
    if (opener) openDialog(opener.dataset["open"] ?? "");
    if (target?.closest("[data-close]")) target.closest("dialog")?.close();
    // A click beside a dialog closes it, unless something would be lost.
    if (target instanceof HTMLDialogElement && target.id !== "lock" && !target.querySelector("form")) target.close();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset["confirm"] || form.dataset["sure"]) return;
    event.preventDefault();
    ask(form.dataset["confirm"], event.submitter?.textContent ?? text("Go on"), () => {
      form.dataset["sure"] = "yes";
      form.requestSubmit(event.submitter);
    });
  });
}

/** Open the dialog with this id. */
export function openDialog(id: string): void {
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

/** Ask before something that cannot be undone; `yes` is called if so. */
export function ask(question: string, action: string, yes: () => void): void {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("role", "alertdialog");
  dialog.setAttribute("aria-labelledby", "ask-question");
  const body = document.createElement("div");
  body.className = "dialog-body";
  const said = document.createElement("p");
  said.id = "ask-question";
  said.textContent = question;
  body.append(said);
  const foot = document.createElement("div");
  foot.className = "dialog-foot";
  const no = button(text("Cancel"), "button");
  const go = button(action, "button danger first");
  no.addEventListener("click", () => dialog.close());
  go.addEventListener("click", () => {
    dialog.close();
    yes();
  });
  foot.append(no, go);
  dialog.append(body, foot);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function button(label: string, kind: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.textContent = label;
  return made;
}
