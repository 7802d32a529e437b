"""The steps of the demo, one after the other; each leaves a row for the table at the end."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from iryo.demo.browser import Person
from iryo.demo.client import Client, instances_in, read_frames
from iryo.demo.collect import BROKEN, Gathered, gather
from iryo.demo.compare import compare
from iryo.demo.make import TALK_NAME
from iryo.demo.server import Installation, program, run
from iryo.demo.standards import Standards
from iryo.errors import Damaged, IryoError
from iryo.imaging.service.failures import failures_by_reason

__all__ = ["Row", "Story"]

_MEGA = 1e6


@dataclass
class Row:
    """A line of the table. Sizes in bytes, None where there is none to tell."""

    what: str
    count: str
    seconds: float
    before: int | None = None
    after: int | None = None
    rate: str = ""


@dataclass
class Story:
    """What has happened so far."""

    folder: Path
    console: Console
    rows: list[Row] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    reasons: dict[str, tuple[int, list[tuple[str, str]]]] = field(default_factory=dict)
    sets: list[dict[str, Any]] = field(default_factory=list)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    # ----------------------------------------------------------------------------------- helpers

    def step(self, title: str, work: Callable[[], Row]) -> None:
        """Do one step and tell of it; a failure is noted and the story goes on."""
        with self.console.status(title):
            start = time.monotonic()
            try:
                row = work()
            except IryoError as error:
                self.check(title, error.message)
                return
            row.seconds = row.seconds or time.monotonic() - start
        self.rows.append(row)
        self.console.print(f"[green]✓[/green] {title}: {row.count} [dim]{row.seconds:.1f} s[/dim]")

    def check(self, what: str, trouble: str) -> None:
        """Note something that is not as it should be."""
        self.failed.append(f"{what}: {trouble}")
        self.console.print(f"[red]✗ {what}[/red]: {trouble}", soft_wrap=True)

    # ------------------------------------------------------------------------------------- steps

    def tell(self) -> None:
        """The whole story, from an empty folder to the table."""
        place = Installation(self.folder / "home")
        gathered = self._gather()
        self.step("iryo init", lambda: Row("init", place.iryo("init", "--no-datastore") and "1", 0))
        with place.serving() as (url, port):
            self.console.print(f"[green]✓[/green] iryo serve: {url}, DIMSE on port {port}")
            variables = place.client_environment(url)
            client = Client(variables)
            self.step("boto3 CreateDatastore", lambda: self._create(client))
            self.step("boto3 StartDICOMImportJob", lambda: self._import(client, gathered))
            self.step("boto3 SearchImageSets", lambda: self._list(client))
            self.step("boto3 GetImageSetMetadata", lambda: self._read(client))
            self.step("boto3 GetImageFrame, decoded, CRC32", lambda: self._frames(client))
            self.step("iryo search, in three scripts", lambda: self._search(place))
            self.step("iryo export, compared", lambda: self._export(place, gathered))
            self._aws_cli(variables)
            standards = Standards(place, self.folder / "sent", url, port)
            self.step(f"{standards.program} (C-STORE)", lambda: Row(*standards.send()))
            self.step("dicomweb-client, compared", lambda: Row(*standards.read_back()))
            self._browser(Person(place, url, self.folder))

    def _browser(self, person: Person) -> None:
        if (missing := person.missing()) is not None:
            self.console.print(f"- {missing}; then the demo would sign in and look at a series")
            return
        self.step("Chromium: sign in, open the viewer", lambda: Row(*person.look()))

    def _gather(self) -> Gathered:
        start = time.monotonic()
        gathered = gather(self.folder / "dicom")
        size = sum(path.stat().st_size for path in gathered.folder.rglob("*") if path.is_file())
        kinds = ", ".join(f"{count} {kind}" for kind, count in gathered.kinds.items())
        self.console.print(f"[green]✓[/green] DICOM gathered: {kinds}")
        self.rows.append(
            Row("files gathered", str(gathered.files), time.monotonic() - start, before=size)
        )
        return gathered

    def _create(self, client: Client) -> Row:
        return Row("data store", client.create_datastore("demo") and "1", 0)

    def _import(self, client: Client, gathered: Gathered) -> Row:
        start = time.monotonic()
        summary, report = client.import_folder(gathered.folder, self.folder / "reports")
        seconds = time.monotonic() - start
        self.reasons = failures_by_reason(
            (report / "FAILURE" / "failure.ndjson").read_bytes().splitlines(), 5
        )
        imported, scanned = summary["numberOfImportedFiles"], summary["numberOfScannedFiles"]
        if scanned != gathered.files or imported != scanned - gathered.broken:
            self.check("import", f"{imported} of {scanned} files imported")
        for _, examples in self.reasons.values():
            for name, message in examples:
                if not name.startswith(f"{BROKEN}/"):
                    self.check("import", f"{name}: {message}")
        before = sum(path.stat().st_size for path in gathered.folder.rglob("*.dcm"))
        return Row(
            "files imported",
            f"{imported} of {scanned}",
            seconds,
            before=before,
            after=self._stored(),
            rate=f"{scanned / seconds:.0f} files/s",
        )

    def _stored(self) -> int:
        objects = self.folder / "home" / "objects"
        return sum(path.stat().st_size for path in objects.rglob("*") if path.is_file())

    def _list(self, client: Client) -> Row:
        self.sets = client.image_sets()
        if not self.sets:
            raise Damaged("no image set was found")
        return Row("image sets listed", str(len(self.sets)), 0)

    def _read(self, client: Client) -> Row:
        start = time.monotonic()
        self.documents = {
            one["imageSetId"]: client.metadata(one["imageSetId"]) for one in self.sets
        }
        seconds = time.monotonic() - start
        names = [
            document["Patient"]["DICOM"].get("PatientName") for document in self.documents.values()
        ]
        if TALK_NAME not in names:
            self.check("metadata", "the name of the talk's example is not as it was written")
        else:
            self.console.print("  the name of the talk's example, from ISO 2022 IR 87 to UTF-8:")
            forms = ("alphabetic", "ideographic", "phonetic")
            for form, text in zip(forms, TALK_NAME.split("="), strict=True):
                self.console.print(f"    [dim]{form:<12}[/dim] [bold]{text}[/bold]")
        count = len(self.documents)
        return Row("metadata read", str(count), seconds, rate=f"{count / seconds:.0f}/s")

    def _frames(self, client: Client) -> Row:
        start = time.monotonic()
        frames = read_frames(client, self.documents)
        seconds = time.monotonic() - start
        for trouble in frames.wrong:
            self.check("frames", trouble)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(frames.kinds.items()))
        self.console.print(f"  every CRC32 held against the metadata: {kinds}")
        return Row(
            "frames checked",
            str(frames.count),
            seconds,
            before=frames.decoded,
            after=frames.stored,
            rate=f"{frames.count / seconds:.0f}/s",
        )

    def _search(self, place: Installation) -> Row:
        words = ("shibuya", "渋谷", "しるがね")
        for word in words:
            lines = place.iryo("search", word, "--json").splitlines()
            found = [json.loads(line)["DICOMTags"].get("DICOMPatientId") for line in lines]
            if found != ["TALK-0001"]:
                self.check("search", f"{word} found {len(found)} image sets, expected the one")
        return Row("searches by name", f"{len(words)}: {', '.join(words)}", 0)

    def _export(self, place: Installation, gathered: Gathered) -> Row:
        elements = pixels = 0
        output = self.folder / "exported"
        for original in ("nm/talk.dcm", "ct/CT_small.dcm", "mr/MR_small_jpeg_ls_lossless.dcm"):
            path = gathered.folder / original
            uid, image_set = self._find(path)
            place.iryo("export", image_set, "--output", str(output), "--overwrite")
            (exported,) = output.rglob(f"{uid}.dcm")
            found = compare(path, exported)
            for trouble in found.different:
                self.check("export", f"{original}: {trouble}")
            elements, pixels = elements + found.elements, pixels + found.pixels
        return Row("files exported", f"3: {elements} elements, {pixels} pixels equal", 0)

    def _find(self, path: Path) -> tuple[str, str]:
        """SOP Instance UID of a file, and the image set that has it."""
        import pydicom

        uid = str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        for image_set, document in self.documents.items():
            if any(uid == found for found, _ in instances_in(document)):
                return uid, image_set
        raise Damaged(f"no image set has the instance of {path.name}")

    def _aws_cli(self, variables: dict[str, str]) -> None:
        aws = program("aws")
        if aws is None:
            self.console.print("- the AWS CLI is not installed; it would work: pip install awscli")
            return

        def listed() -> Row:
            said = run([str(aws), "medical-imaging", "list-datastores"], variables)
            found = json.loads(said)["datastoreSummaries"]
            if [one["datastoreName"] for one in found] != ["demo"]:
                self.check("AWS CLI", "it does not list the data store")
            return Row("AWS CLI", "1 data store listed", 0)

        self.step("aws medical-imaging list-datastores", listed)
