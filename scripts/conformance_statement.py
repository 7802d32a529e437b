"""Write docs/reference/conformance-statement.md (PS3.2) from the tables that the program runs by.

    python scripts/conformance_statement.py

`tests/test_conformance_pages.py` fails when the page is not what this writes.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydicom.uid import UID

from iryo.dicom.deidentify import OPTIONS
from iryo.dicom.syntaxes import TABLE
from iryo.imaging.dicomweb.routes import ROUTES
from iryo.imaging.dimse.associate import IMPLEMENTATION_CLASS_UID, MAX_CONTEXTS
from iryo.imaging.dimse.channel import MAX_PDU
from iryo.imaging.dimse.offer import (
    COMMITMENT,
    FIND,
    GET,
    MOVE,
    VERIFICATION,
    storage_classes,
)
from iryo.imaging.dimse.status import Status

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "conformance-statement.md"

HEAD = """\
# DICOM Conformance Statement

<!-- Written by scripts/conformance_statement.py from the program's own tables; edit those. -->

This statement follows the form of PS3.2. It holds for the version of iryo whose documentation it is
part of. [Clause by clause](conformance.md) says which clauses are met and by which test each is
shown.

## 1 Overview

iryo is an archive: it stores DICOM instances, answers queries, gives instances back in the form in
which they came or in another, and de-identifies them on the way out. It prints nothing, schedules
nothing and moves nothing by itself.

"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown."""
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def _name(uid: str) -> str:
    return UID(uid).name


def _overview() -> Iterator[str]:
    yield from table(
        ("network service", "as user (SCU)", "as provider (SCP)"),
        (
            ("Verification", "`iryo peers check`", "yes"),
            (
                f"Storage: {len(storage_classes())} SOP classes (annex A)",
                "`iryo send`, C-MOVE",
                "yes",
            ),
            ("Query, patient and study root", "`iryo query`", "yes"),
            ("Retrieve by C-MOVE, patient and study root", "no", "yes"),
            ("Retrieve by C-GET, patient and study root", "no", "yes"),
            ("Storage Commitment, push model", "no", "yes"),
        ),
    )
    yield from table(
        ("web service (PS3.18)", "as user agent", "as origin server"),
        (
            ("URI service, WADO-URI (9)", "no", "yes"),
            ("Studies service: retrieve, WADO-RS (10.4)", "no", "yes"),
            ("Studies service: store, STOW-RS (10.5)", "no", "yes"),
            ("Studies service: search, QIDO-RS (10.6)", "no", "yes"),
            ("Worklist service, UPS-RS (11)", "no", "not yet"),
        ),
    )


def _network() -> Iterator[str]:
    yield "## 2 DIMSE\n"
    yield "### 2.1 Associations\n"
    yield from table(
        ("parameter", "value"),
        (
            ("Application context name", "`1.2.840.10008.3.1.1.1`"),
            ("Implementation Class UID", f"`{IMPLEMENTATION_CLASS_UID}`"),
            ("Implementation Version Name", "`IRYO_` and the version"),
            ("AE title", "the setting `ae_title`, `IRYO` unless set"),
            ("Port", "the setting `dimse_port`; none unless set"),
            ("Associations at once", "the setting `dimse_associations`, 200 unless set"),
            ("Largest PDU that is taken", f"{MAX_PDU} bytes"),
            ("Presentation contexts of one association", f"{MAX_CONTEXTS}"),
            ("Asynchronous operations", "not negotiated: one at a time"),
            ("User identity", "not used; peers are known by AE title, address and certificate"),
            ("Who may associate", "peers of `iryo peers`; all others are rejected"),
        ),
    )
    yield "### 2.2 SOP classes\n"
    rows = [
        (VERIFICATION, "yes"),
        *((uid, "yes") for uid in (*FIND, *MOVE, *GET)),
        (COMMITMENT, "yes"),
    ]
    yield from table(
        ("SOP class", "UID", "SCP"), ((_name(uid), f"`{uid}`", scp) for uid, scp in rows)
    )
    yield (
        "The SOP classes of storage stand in annex A. A peer that was added with `--any-class` may "
        "also store\nobjects of SOP classes that no standard names.\n"
    )
    yield "### 2.3 Statuses\n"
    yield from table(
        ("status", "code"),
        ((each.name.replace("_", " ").lower(), f"{each.value:04X}") for each in Status),
    )


def _web() -> Iterator[str]:
    yield "## 3 DICOMweb\n"
    yield (
        "Below `/dicomweb/{data store}` and, as AWS HealthImaging has it, `/datastore/{id}`. "
        "`OPTIONS` at the\nroot gives the same as WADL.\n"
    )
    yield from table(
        ("method", "resource", "transaction", "gives", "takes"),
        (
            (
                route.method,
                f"`{route.template}`",
                route.summary,
                ", ".join(f"`{media}`" for media in route.gives),
                ", ".join(f"`{media}`" for media in route.takes),
            )
            for route in ROUTES
        ),
    )
    named = {route.template: route.parameters for route in ROUTES if route.parameters}
    if named:
        yield "### 3.1 Query parameters\n"
        yield from table(
            ("resource", "parameters"),
            (
                (f"`{template}`", ", ".join(f"`{name}`" for name in names))
                for template, names in named.items()
            ),
        )


def _syntaxes() -> Iterator[str]:
    yield "## 4 Transfer syntaxes\n"
    yield (
        "All of these are taken, by C-STORE, STOW-RS and import. What becomes of pixels in each "
        "stands in\n[Transfer syntaxes](transfer-syntaxes.md). Given back is the syntax that an "
        "instance came in where\nthat loses nothing, the one that it is stored in, Explicit and "
        "Implicit VR Little Endian, and each\nlossless one that can hold its samples.\n"
    )
    yield from table(
        ("name", "UID", "pixels"),
        (
            (
                row.name,
                f"`{row.uid}`",
                "kept as they come" if row.kept else "stored as HTJ2K, lossless",
            )
            for row in TABLE
        ),
    )


def _rest() -> Iterator[str]:
    yield "## 5 Character sets\n"
    yield (
        "Every defined term of PS3.3 C.12.1.1.2, with and without code extensions, in what comes "
        "in (see\n[Character sets](charsets.md)); ISO_IR 192 (UTF-8) in answers to queries. An "
        "instance is given back in\nthe set that it came in.\n"
    )
    yield "## 6 Security\n"
    yield from table(
        ("profile of PS3.15", "state"),
        (
            ("TLS 1.2 and 1.3 for DIMSE (B.9, B.10, non-downgrading)", "option, `dimse_tls`"),
            ("TLS for DICOMweb", "option, `tls_certificate`, or a proxy"),
            ("Audit trail: messages of A.5 by syslog over TLS", "option, `audit_syslog`"),
            ("Basic Application Level Confidentiality Profile (E.2)", "on export"),
            *(
                (f"{code.meaning} ({code.value})", "on export, option `" + option.value + "`")
                for option, code in OPTIONS.items()
            ),
            (
                "Clean Pixel Data, Clean Recognizable Visual Features (E.3.1, E.3.2)",
                "no; images that may have text burned in are told of",
            ),
        ),
    )
    yield "## Annex A: SOP classes of storage\n"
    yield from table(
        ("SOP class", "UID"),
        ((_name(uid), f"`{uid}`") for uid in sorted(storage_classes(), key=_order)),
    )


def _order(uid: str) -> list[int]:
    return [int(part) for part in uid.split(".")]


def render() -> str:
    """The whole page."""
    parts = (_overview(), _network(), _web(), _syntaxes(), _rest())
    return HEAD + "\n".join(line for part in parts for line in part).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(render())
