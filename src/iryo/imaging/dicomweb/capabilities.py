"""What the service can do (PS3.18 8.9), as WADL or JSON: made from the routes themselves."""

from collections.abc import Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

from iryo import __version__
from iryo.access import Role
from iryo.errors import NotAcceptable
from iryo.imaging.dicomweb.call import Call, Route
from iryo.wire.http import Response

__all__ = ["capabilities"]

_WADL: Final = "http://wadl.dev.java.net/2009/02"
_XML: Final = "application/vnd.sun.wadl+xml"
_JSON: Final = "application/json"


def capabilities(routes: Sequence[Route]) -> tuple[Route, ...]:
    """The routes that tell of `routes`: OPTIONS at the root, and GET for who has only a browser."""

    def answer(call: Call) -> Response:
        accept = call.headers.get("accept", "*/*").lower()
        if "json" in accept:
            return Response(200, [("content-type", _JSON)], orjson.dumps(_told(call.base, routes)))
        if "xml" in accept or "*/*" in accept or "application/*" in accept:
            return Response(200, [("content-type", _XML)], _wadl(call.base, routes))
        raise NotAcceptable(f"found an Accept that takes neither, expected {_XML} or {_JSON}")

    made = Route(
        "OPTIONS",
        "/",
        "RetrieveCapabilities",
        Role.READER,
        answer,
        sees=False,
        summary="What the service can do (PS3.18 8.9)",
        gives=(_XML, _JSON),
    )
    other = Route(
        "GET",
        "/capabilities",
        made.action,
        made.role,
        answer,
        sees=False,
        summary=made.summary,
        gives=made.gives,
    )
    return made, other


def _told(base: str, routes: Sequence[Route]) -> dict[str, Any]:
    return {
        "software": f"iryo {__version__}",
        "base": base,
        "resources": [
            {
                "method": route.method,
                "path": route.template,
                "action": route.action,
                "role": route.role.value,
                "summary": route.summary,
                "query": list(route.parameters),
                "takes": list(route.takes),
                "gives": list(route.gives),
            }
            for route in routes
        ],
    }


def _wadl(base: str, routes: Sequence[Route]) -> bytes:
    root = Element("application", {"xmlns": _WADL})
    SubElement(root, "doc", {"title": f"iryo {__version__}"})
    resources = SubElement(root, "resources", {"base": base})
    by_path: dict[str, list[Route]] = {}
    for route in routes:
        by_path.setdefault(route.template, []).append(route)
    for path, some in by_path.items():
        resource = SubElement(resources, "resource", {"path": path.lstrip("/")})
        for name in some[0].pattern.groupindex:
            SubElement(resource, "param", {"name": name, "style": "template", "required": "true"})
        for route in some:
            _method(resource, route)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root)


def _method(resource: Element, route: Route) -> None:
    method = SubElement(resource, "method", {"name": route.method, "id": route.action})
    SubElement(method, "doc", {"title": route.summary})
    if route.parameters or route.takes:
        request = SubElement(method, "request")
        for name in route.parameters:
            SubElement(request, "param", {"name": name, "style": "query"})
        for media in route.takes:
            SubElement(request, "representation", {"mediaType": media})
    response = SubElement(method, "response", {"status": "200"})
    for media in route.gives:
        SubElement(response, "representation", {"mediaType": media})
