"""The viewer's measurements over HTTP: who may, what is refused, what the audit log tells."""

import base64
from pathlib import Path
from typing import Any

import pytest
import requests

from iryo.access import Role
from tests.imaging.served import served
from tests.imaging.service.measurements.test_model import ONE
from tests.imaging.site import Site, make_instance

pytestmark = pytest.mark.small


def post(site: Site, key: tuple[str, str], document: Any) -> requests.Response:
    basic = base64.b64encode(":".join(key).encode()).decode()
    return requests.post(
        f"{site.url}/viewer/main/measurements",
        json=document,
        headers={"authorization": f"Basic {basic}"},
        timeout=60,
    )


def test_they_are_kept_by_who_may_write(site: Site) -> None:
    site.run_import(make_instance(site.folder / "one.dcm", sop="1.2.3.1.1"))
    one = ONE | {"image": {"sopInstanceUid": "1.2.3.1.1", "frame": 1}}
    document = {"study": "1.2.3", "measurements": [one]}
    writer, reader = (
        site.app.access.create_key(name=role.value, role=role)
        for role in (Role.WRITER, Role.READER)
    )
    assert post(site, reader, document).status_code == 403
    answer = post(site, writer, document)
    assert answer.status_code == 201, answer.text
    saved = answer.json()
    basic = base64.b64encode(":".join(reader).encode()).decode()
    found = requests.get(
        f"{site.url}/dicomweb/main/studies/1.2.3/series/{saved['seriesInstanceUid']}/metadata",
        headers={"authorization": f"Basic {basic}"},
        timeout=60,
    ).json()
    assert [item["00080018"]["Value"] for item in found] == [[saved["sopInstanceUid"]]]
    refused = post(site, writer, document | {"study": "1.2.4"})
    assert refused.status_code == 404
    assert post(site, writer, {"study": "1.2.3"}).status_code == 400
    site.app.audit.flush()
    rows = list(site.app.audit.read(action="StoreMeasurements"))
    told = [(row.outcome, row.actor, row.resource) for row in reversed(rows)]
    assert ("allowed", writer[0], saved["imageSetId"]) in told
    assert sorted(outcome for outcome, _, _ in told) == ["allowed", "denied", "refused", "refused"]


def test_a_page_of_ours_must_have_sent_them(tmp_path: Path) -> None:
    path = make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1")
    one = ONE | {"image": {"sopInstanceUid": "1.2.3.1.1", "frame": 1}}
    document: Any = {"study": "1.2.3", "measurements": [one]}
    with served(tmp_path) as place:
        place.house.imported(path)
        session, url = place.browser(), f"{place.url}/viewer/main/measurements"
        forged = session.post(url, json=document, headers={"x-iryo-csrf": "guessed"})
        assert forged.status_code == 403
        elsewhere = session.post(url, json=document, headers={"sec-fetch-site": "cross-site"})
        assert elsewhere.status_code == 401  # there the cookie does not count
        assert session.post(url, json=document).status_code == 201
