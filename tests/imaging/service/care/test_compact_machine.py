"""Whatever is imported, changed, copied, deleted and compacted, in whatever order: frames stay."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from iryo.imaging.documents import decode, instances_of
from iryo.imaging.service import read, update
from iryo.imaging.service.care.check import Depth
from iryo.imaging.store import pack_key
from iryo.store.ids import new_id
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    compacted,
    copied,
    deleted,
    named_objects,
    only,
    verified,
)
from tests.imaging.site import make_instance

SERIES = 3
NUMBERS = st.sets(st.integers(1, 5), min_size=1)


class Compaction(RuleBasedStateMachine):
    """A small installation, and the frames that each version of each image set has to give."""

    sets = Bundle("sets")

    @initialize()
    def made(self) -> None:
        """Begin anew."""
        self.folder = Path(tempfile.mkdtemp())
        self.house = House.made(self.folder)
        self.hours = 0
        self.imports = 0
        self.frames: dict[str, bytes] = {}  # frame id -> its bytes, as they were at first
        self.versions: dict[tuple[str, int], set[str]] = {}

    def teardown(self) -> None:
        """Let all become old: nothing is left but what rows name, and all of it is whole."""
        for _ in range(3):
            self.compact(forgetful=True)
        self.all_is_there()
        assert {one.key for one in self.house.app.objects.list()} == named_objects(self.house)
        assert verified(self.house, Depth.DEEP)["damage"] == 0
        self.house.app.close()
        shutil.rmtree(self.folder)

    def note(self) -> list[str]:
        """Look at what there is now: new versions, and new frames."""
        present = self.house.sets()
        for one in present:
            version = (one, self.house.found(one).version)
            if version not in self.versions:
                self.versions[version] = ids = self.ids(*version)
                for frame in ids - set(self.frames):
                    data, _ = read.frame(self.house.room, self.house.store, one, frame)
                    self.frames[frame] = data
        return present

    def ids(self, image_set_id: str, version: int) -> set[str]:
        """The frames that a version tells of."""
        data = read.metadata(self.house.room, self.house.store, image_set_id, version)
        held = instances_of(decode(data)).values()
        return {frame["ID"] for instance in held for frame in instance["ImageFrames"]}

    @rule(target=sets, series=st.integers(1, SERIES), numbers=NUMBERS, fill=st.integers(0, 1))
    def bring(self, series: int, numbers: set[int], fill: int) -> Any:
        """Import some instances of a series, perhaps with other content than before."""
        self.imports += 1
        folder = self.folder / f"in{self.imports}"
        for number in numbers:
            path, uid = folder / f"{number}.dcm", f"1.2.3.{series}"
            make_instance(
                path, sop=f"{uid}.{number}", series=uid, number=number, SeriesDescription=str(fill)
            )
        before = set(self.house.sets())
        self.house.imported(folder)
        return multiple(*sorted(set(self.note()) - before))

    @rule(target=sets, source=sets, numbers=NUMBERS)
    def copy(self, source: str, numbers: set[int]) -> Any:
        """Copy some of an image set into a new one."""
        uid = self.house.found(source).series_uid
        latest = self.house.found(source).version
        data = read.metadata(self.house.room, self.house.store, source, latest)
        there = {int(sop.rsplit(".", 1)[1]) for sop in instances_of(decode(data))}
        chosen = sorted(numbers & there) or [min(there)]
        made = copied(self.house, source, only(uid, *chosen))
        self.note()
        return made

    @rule(source=sets)
    def change(self, source: str) -> None:
        """Give an image set a version more."""
        tree = {"SchemaVersion": 1.1, "Study": {"DICOM": {"StudyDescription": str(self.imports)}}}
        latest = self.house.found(source).version
        update.update_metadata(
            self.house.room,
            self.house.store,
            source,
            latest=latest,
            updatable=json.dumps(tree).encode(),
        )
        self.house.run(self.house.job(update.UPDATE_KIND).id)
        self.note()

    @rule(gone=consumes(sets))
    def delete(self, gone: str) -> None:
        """Delete an image set."""
        deleted(self.house, gone)
        self.versions = {one: ids for one, ids in self.versions.items() if one[0] != gone}

    @rule(target=sets, source=consumes(sets), number=st.integers(1, 5))
    def keep_little(self, source: str, number: int) -> Any:
        """Copy one instance of an image set, and delete it: its pack is mostly unneeded."""
        made = self.copy(source, {number})
        self.delete(source)
        return made

    @rule()
    def leave(self) -> None:
        """What a crash leaves."""
        self.house.app.objects.put(pack_key(self.house.store, new_id()), b"left")

    @rule(forgetful=st.booleans())
    def compact(self, forgetful: bool) -> None:
        """Compact, two hours later than the last time; readers remember old places, or none."""
        self.hours += 2
        compacted(self.house, hours=self.hours)
        if forgetful:
            self.house.room.places.clear()

    @invariant()
    def all_is_there(self) -> None:
        """Every version gives the frames that it always gave."""
        for (one, version), ids in getattr(self, "versions", {}).items():
            assert self.ids(one, version) == ids
            for frame in ids:
                data, _ = read.frame(self.house.room, self.house.store, one, frame)
                assert data == self.frames[frame]


TestCompaction = Compaction.TestCase
TestCompaction.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
