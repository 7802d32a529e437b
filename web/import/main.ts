// The import page: files or folders are dropped or chosen, looked at, and sent.

import { text } from "../shell/text";
import { chosen, dropped, entriesOf, type Found, sniff } from "./files";
import { type Progress, Sending } from "./sending";
import { reasonText } from "./words";

const LISTED = 500; // names in a list
const EVERY = 100; // ms between two looks at how far it is

const root = document.querySelector<HTMLElement>("[data-import]");
if (root) start(root);

function part<T extends HTMLElement>(name: string): T {
  const found = document.querySelector<T>(`[data-part="${name}"]`);
  if (!found) throw new Error(`the page has no part ${name}`);
  return found;
}

function start(place: HTMLElement): void {
  const url = place.dataset["import"] ?? "";
  const studies = place.dataset["studies"] ?? "";
  let sending: Sending | null = null;
  let others: string[] = [];
  let looking = false;
  let drawn = 0;

  const draw = (): void => {
    if (drawn) return;
    drawn = window.setTimeout(() => {
      drawn = 0;
      if (sending) show(sending.progress, others, looking, studies);
    }, EVERY);
  };

  const take = async (found: AsyncIterable<Found> | Iterable<Found>): Promise<void> => {
    if (looking) return;
    if (!sending?.busy) {
      sending = new Sending(url, draw);
      others = [];
    }
    const current = sending;
    looking = true;
    part("run").hidden = false;
    for await (const one of found) {
      if (current.ended) break;
      const { dicom, sop } = await sniff(one.file).catch(() => ({ dicom: false, sop: "" }));
      if (dicom) current.add(one.file, one.path, sop);
      else others.push(one.path);
      draw();
    }
    looking = false;
    current.gathered();
    draw();
  };

  const zone = part("drop");
  let inside = 0;
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      if (!(event instanceof DragEvent) || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      inside = name === "dragenter" ? inside + 1 : name === "dragleave" ? inside - 1 : name === "drop" ? 0 : inside;
      zone.classList.toggle("over", inside > 0 || name === "dragover");
      if (name === "drop") {
        zone.classList.remove("over");
        void take(dropped(entriesOf(event.dataTransfer)));
      }
    });
  }
  for (const name of ["files", "folder"]) {
    const input = part<HTMLInputElement>(name);
    part(`choose-${name}`).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files?.length) void take(chosen(input.files));
      input.value = "";
    });
  }
  part("pause").addEventListener("click", () => sending?.pause());
  part("go-on").addEventListener("click", () => sending?.goOn());
  part("cancel").addEventListener("click", () => sending?.cancel());
  addEventListener("beforeunload", (event) => {
    if (sending?.busy) event.preventDefault();
  });
  performance.mark("iryo-interactive");
}

function show(progress: Progress, others: string[], looking: boolean, studies: string): void {
  const { state } = progress;
  const bar = part<HTMLProgressElement>("bar");
  bar.max = Math.max(1, progress.bytes);
  bar.value = state === "done" ? bar.max : progress.sentBytes;
  bar.hidden = progress.files === 0;
  const share = progress.bytes ? Math.floor((100 * progress.sentBytes) / progress.bytes) : 100;
  part("state").textContent = stateText(progress, looking);
  part("share").textContent = progress.files && !["done", "cancelled"].includes(state) ? `${share} %` : "";
  part("figure-files").textContent = progress.files.toLocaleString(document.documentElement.lang);
  part("figure-stored").textContent = progress.stored.toLocaleString(document.documentElement.lang);
  part("figure-failed").textContent = progress.failures.length.toLocaleString(document.documentElement.lang);
  part("figure-others").textContent = others.length.toLocaleString(document.documentElement.lang);
  part("pause").hidden = !["running", "away"].includes(state);
  part("go-on").hidden = !["paused", "away", "signed out"].includes(state);
  part("cancel").hidden = ["done", "cancelled", "refused"].includes(state);
  const link = part("studies");
  link.hidden = progress.studies.size === 0;
  if (progress.studies.size === 1) link.querySelector("a")?.setAttribute("href", `${studies}/${encodeURIComponent([...progress.studies][0] ?? "")}`);
  else link.querySelector("a")?.setAttribute("href", studies);
  const count = link.querySelector("span");
  if (count) count.textContent = text("{n} studies", { n: progress.studies.size });
  list("failures", progress.failures.map((one) => [one.path, reasonText(one.reason)]));
  list("others", others.map((path) => [path, ""]));
}

function stateText(progress: Progress, looking: boolean): string {
  switch (progress.state) {
    case "running":
      return looking ? text("Looking at files and sending") : text("Sending");
    case "paused":
      return text("Paused");
    case "away":
      return text("The server does not answer; trying again by itself. Nothing is lost.");
    case "signed out":
      return text("You are not signed in any more. Sign in in another tab, then go on.");
    case "refused":
      return text("The server refuses: you may not import into this data store.");
    case "cancelled":
      return text("Cancelled. What was stored before stays.");
    case "done":
      if (!progress.files) return text("Nothing to send: none of the files is DICOM.");
      return progress.failures.length ? text("Done, but not all files were taken") : text("Done: all files are stored");
  }
}

/** A list of files with their reason; only what is new is added. */
function list(name: string, rows: [string, string][]): void {
  const section = part(`${name}-section`);
  section.hidden = rows.length === 0;
  const body = part(name);
  if (body.childElementCount > rows.length) body.replaceChildren();
  for (const [path, reason] of rows.slice(body.childElementCount, LISTED)) {
    const row = document.createElement("tr");
    for (const [content, kind] of [[path, "mono"], [reason, ""]] as const) {
      if (kind || reason) {
        const cell = document.createElement("td");
        cell.className = kind;
        const own = document.createElement("bdi");
        own.textContent = content;
        cell.append(own);
        row.append(cell);
      }
    }
    body.append(row);
  }
  const more = part(`${name}-more`);
  more.hidden = rows.length <= LISTED;
  more.textContent = text("{n} more", { n: rows.length - LISTED });
}
