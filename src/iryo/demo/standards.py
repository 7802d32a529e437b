"""What the demo does over the open standards: a device sends, a script reads back."""

import json
import shutil
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from iryo.demo.make import ct_series
from iryo.demo.server import Installation, run
from iryo.errors import Damaged, Unavailable

__all__ = ["Standards"]

_SLICES: Final = 20
_STUDY: Final = 4
_PATIENT: Final = "DEMO-0003"
_DEVICE: Final = "DEMOCT"
_PATIENCE: Final = 60.0
_POLL_SECONDS: Final = 0.1

Told = tuple[str, str, float, int | None, int | None, str]
"""What is told of a step: what, count, seconds, bytes before and after, rate."""


@dataclass(frozen=True)
class Standards:
    """A scanner that knows only DICOM, and a script that knows only DICOMweb.

    Attributes:
        place: the installation.
        folder: where the files lie that are sent.
        url: of the server.
        port: of DIMSE.
    """

    place: Installation
    folder: Path
    url: str
    port: int

    @cached_property
    def program(self) -> str:
        """What sends: dcmtk's storescu, or pynetdicom's where Debian's is not installed."""
        return "storescu of dcmtk" if shutil.which("storescu") else "storescu of pynetdicom"

    def send(self) -> Told:
        """Make a series, and send it as a scanner would."""
        self.folder.mkdir()
        for number, data in enumerate(ct_series(_SLICES, _STUDY), 1):
            (self.folder / f"{number:03d}.dcm").write_bytes(data)
        self.place.iryo("peers", "add", _DEVICE, "--from", "127.0.0.1")
        files = sorted(map(str, self.folder.glob("*.dcm")))
        size = sum(path.stat().st_size for path in self.folder.glob("*.dcm"))
        words = ["-aet", _DEVICE, "-aec", "IRYO", "127.0.0.1", str(self.port)]
        start = time.monotonic()
        if (dcmtk := shutil.which("storescu")) is not None:
            run([dcmtk, *words, *files])
        else:
            run([sys.executable, "-m", "pynetdicom", "storescu", *words, str(self.folder)])
        seconds = time.monotonic() - start
        rate = f"{len(files) / seconds:.0f} files/s"
        return f"sent by {self.program}", str(len(files)), seconds, size, None, rate

    def read_back(self) -> Told:
        """Find the study by QIDO-RS, retrieve it by WADO-RS, and hold it against what was sent."""
        client = self._client()
        start = time.monotonic()
        study, series = self._found(client)
        datasets = client.retrieve_series(study, series)
        wrong = self._differences(datasets)
        if wrong:
            raise Damaged(wrong)
        frames = client.retrieve_instance_frames(
            study, series, datasets[0].SOPInstanceUID, frame_numbers=[1]
        )
        if frames[0] != datasets[0].PixelData:
            raise Damaged("a frame is not that of its instance")
        count = len(datasets)
        seconds = time.monotonic() - start
        return "read by dicomweb-client", f"{count} equal", seconds, None, None, ""

    def _client(self) -> Any:
        try:
            from dicomweb_client.api import DICOMwebClient
        except ImportError:
            raise Unavailable("the demo needs dicomweb-client: pip install 'iryo[demo]'") from None
        key = json.loads(self.place.iryo("keys", "list", "--json").splitlines()[0])
        token = self.place.iryo("keys", "token", key["accessKeyId"]).strip()
        return DICOMwebClient(
            f"{self.url}/dicomweb/demo", headers={"authorization": f"Bearer {token}"}
        )

    def _found(self, client: Any) -> tuple[str, str]:
        """The study and its series, when all that was sent can be seen."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            found = client.search_for_series(search_filters={"PatientID": _PATIENT})
            for one in found:
                if int(one["00201209"]["Value"][0]) == _SLICES:
                    return one["0020000D"]["Value"][0], one["0020000E"]["Value"][0]
            time.sleep(_POLL_SECONDS)
        raise Unavailable("what was sent by C-STORE was not found by QIDO-RS")

    def _differences(self, datasets: list[Any]) -> str:
        import pydicom

        sent = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, self.folder.glob("*.dcm"))}
        for one in datasets:
            if sent.pop(one.SOPInstanceUID, None) != one:
                return "an instance is not the one that was sent"
        return f"{len(sent)} instances were sent and not read back" if sent else ""
