// The lock: after a while without a hand on it the page is covered. What was open stays open behind it,
// and goes on when the person has given their password. All pages of one browser lock together.

import { post } from "./forms";
import { text } from "./text";

const SAID_EVERY = 60_000; // ms; so often the server hears that somebody is here
const LOOKED_EVERY = 5_000;
const SEEN = "iryo-seen"; // in localStorage: when somebody was last here, in any page

let channel: BroadcastChannel | null = null;

/** Seconds without activity after which a page is locked; 0: never. */
function patience(): number {
  return Number(document.querySelector<HTMLMetaElement>('meta[name="iryo-idle"]')?.content ?? 0);
}

/** Whether a page that somebody was last at at `seen` is to be locked at `now`; ms, seconds. */
export function isIdle(seen: number, now: number, seconds: number): boolean {
  return seconds > 0 && now - seen >= seconds * 1000;
}

/** Cover the page; false where there is no session to lock. */
export function showLock(): boolean {
  const dialog = document.getElementById("lock");
  if (!(dialog instanceof HTMLDialogElement)) return false;
  if (!dialog.open) {
    for (const open of document.querySelectorAll("[popover]:popover-open")) (open as HTMLElement).hidePopover();
    document.documentElement.classList.add("locked");
    dialog.showModal();
  }
  return true;
}

function hideLock(): void {
  const dialog = document.getElementById("lock");
  document.documentElement.classList.remove("locked");
  if (dialog instanceof HTMLDialogElement) dialog.close();
  localStorage.setItem(SEEN, String(Date.now()));
}

/** Lock this session now, in every page of this browser. */
export async function lock(): Promise<void> {
  if (!showLock()) return;
  channel?.postMessage("locked");
  try {
    await post("/lock");
  } catch {
    // Without the server the page is covered all the same; it locks the session by its own clock.
  }
}

/** Watch for the absence of a person, and for their return. */
export function watchIdleness(): void {
  const dialog = document.getElementById("lock");
  if (!(dialog instanceof HTMLDialogElement)) return;
  channel = new BroadcastChannel("iryo-session");
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-lock]")) void lock();
  });
  channel.addEventListener("message", (event: MessageEvent<string>) => {
    if (event.data === "locked") showLock();
    if (event.data === "unlocked") hideLock();
  });
  unlocking();
  const seconds = patience();
  let said = Date.now();
  localStorage.setItem(SEEN, String(said));
  const here = (): void => {
    const now = Date.now();
    if (document.documentElement.classList.contains("locked")) return;
    localStorage.setItem(SEEN, String(now));
    if (now - said > SAID_EVERY) {
      said = now;
      // Looking through images that are here already asks the server for nothing, and is use.
      void post("/here").then((answer) => {
        if (answer.status === 401) showLock();
      }, () => undefined);
    }
  };
  for (const name of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    addEventListener(name, here, { passive: true, capture: true });
  }
  setInterval(() => {
    if (isIdle(Number(localStorage.getItem(SEEN)), Date.now(), seconds) && !dialog.open) void lock();
  }, LOOKED_EVERY);
}

function unlocking(): void {
  const form = document.getElementById("lock-form");
  const fault = document.getElementById("lock-fault");
  const field = document.getElementById("lock-password");
  if (!(form instanceof HTMLFormElement) || !fault || !(field instanceof HTMLInputElement)) return;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void unlock(new URLSearchParams({ password: field.value }), fault, field);
  });
}

async function unlock(body: URLSearchParams, fault: HTMLElement, field: HTMLInputElement): Promise<void> {
  fault.hidden = true;
  try {
    const answer = await post("/unlock", body);
    if (answer.ok) {
      field.value = "";
      hideLock();
      channel?.postMessage("unlocked");
      return;
    }
    const told = (await answer.json()) as { title?: string; advice?: string };
    fault.textContent = [told.title, told.advice].filter(Boolean).join(" ");
  } catch {
    fault.textContent = text("The server does not answer");
  }
  fault.hidden = false;
  field.select();
}
