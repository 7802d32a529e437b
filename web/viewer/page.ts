// The page as tools see it.

import type { Frame } from "./frames";
import type { PageSeam } from "./plug";
import type { Samples, Stage } from "./seam";
import type { Viewer } from "./viewer";
import { samplesOf } from "./viewport";

export function pageOf(viewer: Viewer): PageSeam {
  return {
    get datastore() {
      return viewer.setup.datastore;
    },
    stages: () => viewer.layout.viewports,
    active: () => viewer.layout.active,
    stack: (stage: Stage) => viewer.layout.of(stage.element).series?.frames ?? [],
    load: (frame: Frame) => load(viewer, frame),
    say: (said, kind) => viewer.notices.say("tool", said, kind),
    changed: (told) => {
      viewer.told.add(told);
      return () => viewer.told.delete(told);
    },
    panel: (id, title, element) => viewer.side.toggle(id, title, element),
  };
}

/** Samples of a frame, as soon as it is there. */
function load(viewer: Viewer, frame: Frame): Promise<Samples | null> {
  const { loader } = viewer;
  loader.alsoWant(frame);
  return new Promise((done) => {
    const look = (): boolean => {
      const found = loader.get(frame);
      const ended = found?.full || loader.failures.has(frame.key) || loader.isDeleted(frame.seriesUid);
      if (ended) done(found?.full ? samplesOf(found) : null);
      return ended === true;
    };
    if (look()) return;
    const came = (one: Frame): void => {
      if (one.key === frame.key && look()) viewer.came.delete(came);
    };
    viewer.came.add(came);
  });
}
