// What is sent to the server: it carries the page's token, is sent once, and its failure is told.

import { showLock } from "./idle";
import { text } from "./text";
import { toast } from "./toasts";

interface HtmxRequest extends Event {
  detail: { headers: Record<string, string>; xhr: XMLHttpRequest };
}

interface Told {
  title?: string;
  advice?: string;
  detail?: string;
}

/** The token that shows the server that a request is of this page. */
export function token(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="iryo-csrf"]')?.content ?? "";
}

/** POST something to the server, as this page. */
export function post(path: string, body: BodyInit | null = null): Promise<Response> {
  return fetch(path, { method: "POST", body, headers: { "x-iryo-csrf": token(), accept: "application/json" } });
}

/** Tell of what the server refused. A session that has ended leads to the lock, which keeps the page. */
export function tellRefusal(status: number, told: Told): void {
  if (status === 401 && showLock()) return;
  const title = told.title ?? text("The server refused");
  toast(title, [told.advice, told.detail].filter(Boolean).join(" "), "bad");
}

/** Tokens for htmx, failures as messages, and buttons that cannot be pressed twice. */
export function guardForms(): void {
  document.addEventListener("htmx:configRequest", (event) => {
    (event as HtmxRequest).detail.headers["x-iryo-csrf"] = token();
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = (event as HtmxRequest).detail;
    let told: Told = {};
    try {
      told = JSON.parse(xhr.responseText) as Told;
    } catch {
      // what a proxy says is not for the reader
    }
    tellRefusal(xhr.status, told);
  });
  document.addEventListener("htmx:sendError", () => {
    toast(text("The server does not answer"), text("Check the connection, then try again."), "bad");
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !(form instanceof HTMLFormElement) || form.method !== "post") return;
    const pressed = event.submitter;
    // After the form has taken the button's value along.
    setTimeout(() => pressed?.setAttribute("aria-busy", "true"));
    if (form.dataset["sent"]) event.preventDefault();
    form.dataset["sent"] = "yes";
  });
  // A page that is come back to is as it was before it was sent.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) {
      delete form.dataset["sent"];
      form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
    }
  });
}
