"""What the service tells of itself, against what it does."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from iryo.imaging.dicomweb.routes import ROUTES
from tests.imaging.served import Served, served

WADL = "{http://wadl.dev.java.net/2009/02}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("capabilities")) as found:
        yield found


def test_every_route_is_told(place: Served) -> None:
    answer = place.session().options(place.dicomweb)
    assert answer.headers["content-type"] == "application/vnd.sun.wadl+xml"
    resources = ET.fromstring(answer.content).find(f"{WADL}resources")
    assert resources is not None
    assert resources.get("base") == place.dicomweb
    told = {
        ("/" + resource.get("path", ""), method.get("name"))
        for resource in resources
        for method in resource.iter(f"{WADL}method")
    }
    expected = {(r.template, r.method) for r in ROUTES if r.action != "RetrieveCapabilities"}
    assert told == expected


def test_the_same_as_json(place: Served) -> None:
    accept = {"accept": "application/json"}
    answer = place.session().get(f"{place.dicomweb}/capabilities", headers=accept)
    told = answer.json()["resources"]
    assert len(told) == len(ROUTES) - 2
    asked = place.session().options(f"{place.dicomweb}/studies/1.2", headers=accept)
    assert asked.json() == answer.json()


def test_no_other_form(place: Served) -> None:
    accept = {"accept": "image/png"}
    assert place.session().options(place.dicomweb, headers=accept).status_code == 406


def test_every_route_says_what_it_is() -> None:
    assert [route.template for route in ROUTES if not (route.summary and route.gives)] == []
    assert len({(route.method, route.template) for route in ROUTES}) == len(ROUTES)
