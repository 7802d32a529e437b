"""The viewer's page over HTTP: who may open it, what it hands to its script."""

import base64

import pytest
import requests

from iryo.access import Role
from tests.imaging.site import Site, make_instance

pytestmark = pytest.mark.small


def get(site: Site, path: str, role: Role = Role.READER) -> requests.Response:
    key = site.app.access.create_key(name=role.value, role=role)
    basic = base64.b64encode(":".join(key).encode()).decode()
    headers = {"authorization": f"Basic {basic}"}
    return requests.get(f"{site.url}{path}", headers=headers, timeout=60, allow_redirects=False)


def test_opened_by_study_and_series(site: Site) -> None:
    answer = get(site, "/viewer/main?study=1.2.3&series=1.2.3.1")
    assert answer.status_code == 200
    assert 'data-study="1.2.3"' in answer.text
    assert 'data-series="1.2.3.1"' in answer.text
    assert 'data-image-set=""' in answer.text
    assert "script-src 'self' 'wasm-unsafe-eval';" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_what_is_named_cannot_be_markup(site: Site) -> None:
    answer = get(site, "/viewer/main?study=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_opened_by_image_set(site: Site) -> None:
    site.run_import(make_instance(site.folder / "one.dcm", sop="1.2.3.1.1"))
    [found] = get_sets(site)
    answer = get(site, f"/viewer/main/{found}")
    assert answer.status_code == 200
    assert 'data-study="1.2.3"' in answer.text
    assert 'data-image-set=""' in answer.text, "a primary one is what DICOMweb gives"
    site.app.audit.flush()
    rows = list(site.app.audit.read(action="RetrieveImageSet"))
    assert rows[0].resource == found


def test_what_is_not_there(site: Site) -> None:
    assert get(site, "/viewer/main/" + "0" * 32).status_code == 404
    assert get(site, "/viewer/main").status_code == 400
    assert get(site, "/viewer/other?study=1.2.3").status_code == 404


def test_who_is_nobody_sees_nothing(site: Site) -> None:
    answer = requests.get(f"{site.url}/viewer/main?study=1.2.3", timeout=60, allow_redirects=False)
    assert answer.status_code in {303, 401}
    assert "iryo-viewer" not in answer.text


def get_sets(site: Site) -> list[str]:
    """The ids of all image sets."""
    found = site.client.search_image_sets(datastoreId=site.datastore)
    return [one["imageSetId"] for one in found["imageSetsMetadataSummaries"]]
