"""`iryo serve` sends audit messages on, also of what happened while nobody listened."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pydicom
from pydicom.data import get_testdata_file

from tests.access.audit_schema import check
from tests.access.collector import Receiver, certificate
from tests.program import Program


def kind(root: ET.Element) -> str:
    found = root.find("EventIdentification/EventID")
    assert found is not None
    return found.attrib["originalText"]


def test_what_happened_while_the_collector_was_away_is_sent_when_it_is_back(
    tmp_path: Path,
) -> None:
    sample = get_testdata_file("CT_small.dcm")
    assert isinstance(sample, str)
    header = pydicom.dcmread(sample, stop_before_pixels=True)
    pair = certificate(tmp_path, "logs")
    with Receiver("tls", pair) as receiver:
        port = receiver.port
    variables = {
        "IRYO_AUDIT_SYSLOG": f"tls://127.0.0.1:{port}",
        "IRYO_AUDIT_SYSLOG_CA": str(pair[0]),
        "IRYO_COMPUTE": "inline",
    }
    program = Program(tmp_path / "home", variables)
    program.says("init")
    with program.serving():
        program.says("import", sample)
        (found,) = program.lines("search")
        program.says("show", found["imageSetId"])
    with Receiver("tls", pair, port) as receiver, program.serving():
        lines = receiver.until(6)
    roots = [check(line.split(b"\xef\xbb\xbf", 1)[1]) for line in lines]
    kinds = [kind(root) for root in roots]
    # The processes hand in their rows in no order of time.
    assert sorted(kinds[:6]) == sorted(
        ["Application Activity"] * 3 + ["Import", "Query", "DICOM Instances Accessed"]
    )
    shown = roots[kinds.index("DICOM Instances Accessed")]
    told = [
        one.attrib["ParticipantObjectID"] for one in shown.iter("ParticipantObjectIdentification")
    ]
    assert told == [header.StudyInstanceUID, header.PatientID, found["imageSetId"]]
    assert str(header.PatientName).encode() not in b"".join(lines)
