"""`iryo send` and `iryo query`, with dcmtk's archive as the other side; and `iryo peers`."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from tests.imaging.dimse.site import dcmtk
from tests.program import Program

pytestmark = [
    pytest.mark.dcmtk,
    pytest.mark.skipif(shutil.which("dcmqrscp") is None, reason="needs Debian's dcmtk"),
]

_CONFIG = """\
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
ours = (IRYO, 127.0.0.1, {ours})
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
PACS {folder} RW (200, 1024mb) ANY
AETable END
"""


@dataclass
class There:
    """dcmtk's dcmqrscp, called PACS."""

    port: int
    ours: int
    """The port at which it looks for us."""
    folder: Path
    program: Program


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("pacs")
    port, ours = free_port(), free_port()
    (folder / "kept").mkdir()
    config = folder / "dcmqrscp.cfg"
    config.write_text(_CONFIG.format(port=port, ours=ours, folder=folder / "kept"))
    program = Program(folder / "home")
    program.says("init")
    program.says("peers", "add", "PACS", "--at", f"127.0.0.1:{port}")
    program.says("peers", "add", "AWAY", "--at", f"127.0.0.1:{free_port()}")
    program.says("peers", "add", "NOWHERE")
    with subprocess.Popen(
        ["dcmqrscp", "-c", config, "-xe"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as scp:
        deadline = time.monotonic() + 20
        while dcmtk("echoscu", "-aec", "PACS", "127.0.0.1", str(port)).returncode:
            assert time.monotonic() < deadline
        yield There(port, ours, folder, program)
        scp.terminate()


@pytest.fixture(scope="module")
def files(there: There) -> Path:
    """Three slices of a patient called 山田, and a file that is none."""
    folder = there.folder / "files"
    folder.mkdir()
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    for number in range(1, 4):
        one = pydicom.dcmread(path)
        uid = UID(f"1.2.3.8.{number}")
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = uid
        one.SpecificCharacterSet = "ISO_IR 192"
        one.PatientName = "YAMADA^TARO=山田^太郎"
        one.save_as(folder / f"{number}.dcm")
    (folder / "notes.txt").write_text("not DICOM")
    return folder


def test_files_are_sent_and_found(there: There, files: Path) -> None:
    assert there.program.says("send", files, "--to", "PACS") == "3 sent to PACS\n"
    assert len([one for one in (there.folder / "kept").iterdir() if one.name != "index.dat"]) == 3
    shown = there.program.says("query", "--to", "PACS", "PatientName=YAMADA*")
    assert "山田^太郎" in shown
    assert "1 found" in shown
    (found,) = there.program.lines("query", "--to", "PACS", "--level", "SERIES")
    assert found["00080060"]["Value"] == ["CT"]
    images = there.program.lines("query", "--to", "PACS", "-l", "IMAGE", "(0008,0018)")
    assert {one["00080018"]["Value"][0] for one in images} == {f"1.2.3.8.{n}" for n in (1, 2, 3)}
    none = there.program.says("query", "--to", "PACS", "PatientName=SATO*")
    assert "0 found" in none
    patients = there.program.lines(
        "query", "--to", "PACS", "--root", "patient", "--level", "PATIENT"
    )
    assert [one["00100020"]["Value"] for one in patients] == [["1CT1"]]


def test_what_is_stored_is_sent(there: There, files: Path) -> None:
    there.program.here("import", files)
    study = str(pydicom.dcmread(files / "1.dcm").StudyInstanceUID)
    result = there.program.lines("send", "--study", study, "--to", "PACS")
    assert result[-1] == {"sent": 3, "failed": 0}
    assert [one["status"] for one in result[:-1]] == [0, 0, 0]
    rows = there.program.says("audit")
    assert "cli:send:PACS" in rows
    assert study in rows


def test_what_is_found_is_retrieved(there: There, files: Path) -> None:
    """C-MOVE to ourselves, who listen under our title."""
    there.program.says("send", files, "--to", "PACS")
    got = there.folder / "got"
    got.mkdir()
    with subprocess.Popen(
        ["storescp", "-aet", "IRYO", "-od", got, str(there.ours)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as scp:
        deadline = time.monotonic() + 20
        while dcmtk("echoscu", "127.0.0.1", str(there.ours)).returncode:
            assert time.monotonic() < deadline
        shown = there.program.says("query", "--to", "PACS", "--retrieve")
        scp.terminate()
    assert "3 instances sent here" in shown
    assert len(list(got.iterdir())) == 3


def test_what_fails_is_listed(there: There, tmp_path: Path) -> None:
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    one = pydicom.dcmread(path)
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = UID("1.2.3.4.5.6")
    one.save_as(tmp_path / "private.dcm")
    (tmp_path / "none.dcm").write_bytes(b"x" * 200)
    ran = there.program.here(
        "send", tmp_path / "private.dcm", tmp_path / "none.dcm", "--to", "PACS"
    )
    assert ran.exit_code == 1
    assert "does not take the SOP class 1.2.3.4.5.6" in ran.output
    assert "no DICOM file" in ran.output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("send", "--to", "PACS"), 2, "files to send"),
        (("send", ".", "--to", "NOBODY"), 2, "no peer"),
        (("query", "--to", "NOWHERE"), 1, "not known where"),
        (("query", "--to", "AWAY"), 1, "cannot connect"),
        (("query", "--to", "PACS", "--level", "PATIENT"), 2, "--root patient"),
        (("query", "--to", "PACS", "NoSuchKeyword=1"), 2, "no keyword"),
        (("peers", "add", "X", "--at", "a:b:c"), 2, "HOST:PORT"),
        (("peers", "add", "X", "--tls"), 2, "--tls says"),
        (("peers", "add", "X", "--role", "king"), 2, "reader, writer or admin"),
        (("peers", "show", "X"), 2, "no peer"),
    ],
)
def test_refusals(there: There, words: tuple[str, ...], code: int, said: str) -> None:
    ran = there.program.here(*words)
    assert ran.exit_code == code, ran.output
    assert said in ran.output


def test_peers(there: There) -> None:
    program = there.program
    program.says("peers", "add", "CT 1", "--at", "[::1]:11112", "--tls", "--from", "any")
    assert program.json("peers", "show", "CT 1")["host"] == "::1"
    assert "CT 1" in program.says("peers", "list")
    assert "::1:11112 (TLS)" in program.says("peers", "show", "CT 1")
    told = {one["aeTitle"]: one for one in program.lines("peers", "list")}
    assert told["CT 1"]["sources"] == []
    assert told["PACS"]["sources"] == ["127.0.0.1"]
    program.says("peers", "remove", "CT 1")
    assert "CT 1" not in program.says("peers", "list")
