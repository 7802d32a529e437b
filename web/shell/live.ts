// What lives: the server sends parts of the page as they change (see pages/live.py).
// <div data-live="/console/jobs/live"> ... elements with ids ... </div>

interface Part {
  id: string;
  html: string;
}

const SHOWN_AFTER = 3000; // ms without the server before the page says so

/** Follow what the server sends for this part of the page. */
export function follow(root: HTMLElement): void {
  const url = root.dataset["live"];
  if (!url) return;
  let warning = 0;
  let source: EventSource | null = null;
  const connect = (): void => {
    source = new EventSource(url);
    source.addEventListener("part", (event) => {
      const part = JSON.parse((event as MessageEvent<string>).data) as Part;
      place(root, part);
    });
    source.addEventListener("open", () => {
      clearTimeout(warning);
      warning = 0;
      offline(false);
    });
    source.addEventListener("error", () => {
      if (!warning) warning = setTimeout(() => offline(true), SHOWN_AFTER) as unknown as number;
      // A stream that the server refused does not try again by itself.
      if (source?.readyState === EventSource.CLOSED) setTimeout(connect, SHOWN_AFTER);
    });
  };
  // A page that nobody sees asks for nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source) connect();
  });
  addEventListener("pagehide", () => source?.close());
  if (!document.hidden) connect();
}

/** Put a part in the place of the element that has its id. */
export function place(root: HTMLElement, part: Part): void {
  const old = document.getElementById(part.id);
  if (!part.html) {
    old?.remove();
    return;
  }
  const holder = document.createElement("template");
  holder.innerHTML = part.html;
  const fresh = holder.content.firstElementChild;
  if (!fresh) return;
  if (!old) {
    // New ones come first, where lists are newest first.
    root.querySelector<HTMLElement>("[data-new]")?.prepend(fresh);
    return;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement?.id : undefined;
  old.replaceWith(fresh);
  if (focused) document.getElementById(focused)?.focus();
}

function offline(away: boolean): void {
  const banner = document.getElementById("offline");
  if (banner) banner.hidden = !away;
}
