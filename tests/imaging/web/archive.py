"""A server with a few studies whose texts are not nice, for tests of pages about them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests

from iryo.access import Role
from iryo.imaging.service import datastores
from tests.imaging.served import Served, served
from tests.imaging.site import make_instance

MARKUP: Final = "<script>alert(1)</script>^<img src onerror>"
BIDI: Final = "Doe^\u202egnp.exe\u202c"
ATTRIBUTE: Final = "\"'><svg onload=alert(3)>"


def fill(folder: Path) -> Path:
    """Four studies: one of two series, and three of which each text could be a trap."""
    for series in (1, 2):
        for number in (1, 2, 3):
            make_instance(
                folder / f"1-{series}-{number}",
                sop=f"1.2.1.{series}.{number}",
                study="1.2.1",
                series=f"1.2.1.{series}",
                number=4 - number,
                PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
                PatientID="P1",
                StudyDate="20261125",
                StudyDescription="胸部CT",
                AccessionNumber="A100",
                SeriesNumber=series,
                SeriesDescription=f"Axial {series}",
            )
    for study, name in ((2, MARKUP), (3, BIDI), (4, "")):
        make_instance(
            folder / str(study),
            sop=f"1.2.{study}.1.1",
            study=f"1.2.{study}",
            series=f"1.2.{study}.1",
            PatientName=name,
            PatientID=ATTRIBUTE,
            StudyDate=f"202610{study:02}",
            StudyDescription="<b> bold </b>",
            SeriesDescription="</td><h1>x",
            Modality="MR",
        )
    return folder


@contextmanager
def archive(folder: Path) -> Iterator[Served]:
    """It, with a second data store that is empty."""
    with served(folder) as found:
        found.house.imported(fill(folder / "in"))
        datastores.create(found.house.room, name="other")
        yield found


def page(
    there: Served,
    path: str,
    role: Role = Role.READER,
    language: str = "en",
    *,
    partial: bool = False,
) -> requests.Response:
    """A page as a browser asks for it; or as htmx does, for a part of one."""
    session = there.session(role)
    wanted = {"accept": "text/html,*/*;q=0.8", "accept-language": language}
    wanted |= {"hx-request": "true"} if partial else {}
    return session.get(there.url + path, headers=wanted, timeout=60, allow_redirects=False)


def elements(html: str) -> set[str]:
    """The names of all elements."""
    return set(re.findall(r"<([a-zA-Z][a-zA-Z0-9]*)", html))


def actions(there: Served) -> list[tuple[str, str, str]]:
    """What the audit log holds: action, outcome, resource."""
    there.house.app.audit.flush()
    return [(row.action, row.outcome, row.resource) for row in there.house.app.audit.read()]
