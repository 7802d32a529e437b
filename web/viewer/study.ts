// What else the study has that is shown over images: segmentations and reports. And keeping ours.

import { type Annotation, lastMeasured } from "./annotations";
import { type Attributes, text as textOf } from "./dataset";
import { type Segmentation, segmentationOf } from "./seg";
import { type Report, reportOf } from "./sr";

const MODALITIES = new Set(["SEG", "SR"]);
/** So many series are looked into. */
const MOST = 50;
/** Reports of doses (PS3.4 B.5): their numbers are of no image. */
const DOSES = new Set(["67", "68", "73", "76"].map((last) => `1.2.840.10008.5.1.4.1.1.88.${last}`));

export interface Extras {
  readonly segmentations: readonly Segmentation[];
  /** The newest first. */
  readonly reports: readonly Report[];
}

async function json(url: string): Promise<Attributes[]> {
  const answer = await fetch(url, { headers: { Accept: "application/dicom+json" }, credentials: "same-origin" });
  if (answer.status === 204) return [];
  if (!answer.ok) throw new Error(`${answer.status}`);
  return (await answer.json()) as Attributes[];
}

/** The segmentations and reports of a study; what cannot be read is left out. */
export async function extrasOf(datastore: string, study: string): Promise<Extras> {
  const root = `/dicomweb/${encodeURIComponent(datastore)}/studies/${encodeURIComponent(study)}/series`;
  const listed = await json(`${root}?includefield=Modality`);
  const wanted = listed.filter((one) => MODALITIES.has(textOf(one, "00080060"))).slice(0, MOST);
  const read = await Promise.allSettled(wanted.map((one) => json(`${root}/${encodeURIComponent(textOf(one, "0020000E"))}/metadata`)));
  const instances = read.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const segmentations = instances.flatMap((one) => segmentationOf(one) ?? []);
  const measured = instances.filter((one) => !DOSES.has(textOf(one, "00080016")));
  const reports = measured.flatMap((one) => reportOf(one) ?? []).filter((one) => one.groups.length > 0);
  reports.sort((a, b) => (a.date + a.time < b.date + b.time ? 1 : -1));
  return { segmentations, reports };
}

/** Those that have a number to keep: a value of a colour image, say, has none. */
export const worthKeeping = (items: readonly Annotation[]): Annotation[] => items.filter((one) => (lastMeasured(one)?.figures.length ?? 0) > 0);

/**
 * Have measurements kept as a report in their study.
 *
 * @throws Error with what the server says for people
 */
export async function keep(datastore: string, study: string, items: readonly Annotation[]): Promise<void> {
  const measurements = items.map((one) => ({
    trackingUid: one.id,
    label: one.label,
    image: { sopInstanceUid: one.sopInstanceUid, frame: one.frame },
    shape: one.shape,
    points: one.points,
    figures: lastMeasured(one)?.figures ?? [],
  }));
  const token = document.querySelector<HTMLMetaElement>('meta[name="iryo-csrf"]')?.content ?? "";
  const answer = await fetch(`/viewer/${encodeURIComponent(datastore)}/measurements`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json", accept: "application/json", "x-iryo-csrf": token },
    body: JSON.stringify({ study, measurements }),
  });
  if (answer.ok) return;
  const told = (await answer.json().catch(() => ({}))) as { title?: string };
  throw new Error(told.title ?? String(answer.status));
}
