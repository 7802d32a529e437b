"""The door of DICOMweb: find the transaction, prove the caller, run, answer.

Two roots lead here: ``/dicomweb/{name or id}``, and ``/datastore/{id}``, where AWS HealthImaging
has it. Below them stands what `routes` lists.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from iryo import logs
from iryo.access import Audit, Caller, Principal, Role
from iryo.errors import InvalidInput, NotFound, TooLarge
from iryo.imaging.dicomweb.call import BodyTooLarge, Call, Limits, Route
from iryo.imaging.dicomweb.entrance import Entrance
from iryo.imaging.dicomweb.failures import failed
from iryo.imaging.dicomweb.routes import ROUTES
from iryo.imaging.service.frames import Place, remembered
from iryo.imaging.service.lookup import active_datastores
from iryo.imaging.service.receive import await_visible
from iryo.imaging.service.room import Room
from iryo.wire.aws.observe import Exchange, Observer
from iryo.wire.http import Request, Response, new_request_id

__all__ = ["Door", "Found", "owns"]

SERVICE: Final = "dicomweb"
_OWN: Final = re.compile(r"/dicomweb(?:/(?P<store>[^/]+)(?P<rest>/.*)?)?")
_AWS: Final = re.compile(
    r"/datastore/(?P<store>[0-9a-z]{32})"
    r"(?P<rest>/(?:studies|series|instances|wado|capabilities)(?:/.*)?)"
)
_KNOWN_SECONDS: Final = 5.0
_NO_BODY: Final[Iterator[bytes]] = iter(())
_MOST_PAIRS: Final = 1000
_DEIDENTIFY: Final = "deidentify"
_IMAGE_SET: Final = "imageSetId"
_LONGEST_QUERY: Final = 32 << 10
_STUDY: Final = frozenset({"StudyInstanceUID", "0020000D", "0020000d", "studyUID"})


def owns(path: str) -> bool:
    """Whether a path belongs to this door."""
    return path.startswith("/dicomweb/") or path == "/dicomweb" or _AWS.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Found:
    """A request that has its route."""

    request: Request
    route: Route
    store: str
    path: dict[str, str]
    base: str


class Door:
    """Answers requests of DICOMweb.

    Args:
        room: the imaging room.
        entrance: proves callers.
        audit: of the installation.
        limits: what the settings allow.
        observer: watches requests.
        routes: the transactions.
    """

    def __init__(
        self,
        room: Room,
        entrance: Entrance,
        audit: Audit,
        limits: Limits,
        observer: Observer,
        *,
        routes: tuple[Route, ...] = ROUTES,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._room = room
        self.entrance = entrance
        self._audit = audit
        self._limits = limits
        self._observer = observer
        self._routes = routes
        self._ticks = ticks
        self._stores: dict[str, tuple[str, float]] = {}

    def find(self, request: Request, origin: str) -> Found | Response:
        """The route of a request, or the answer that there is none.

        Args:
            request: without its body.
            origin: scheme and authority under which the client knows us.
        """
        matched = _OWN.fullmatch(request.path) or _AWS.fullmatch(request.path)
        store = matched["store"] if matched else None
        if matched is None or store is None:
            return failed(NotFound("found no data store in the path"), "", "routing")
        rest = (matched["rest"] or "/").rstrip("/") or "/"
        if request.method == "OPTIONS":
            rest = "/"  # whatever resource is asked about: PS3.18 8.9.1
        root = request.path[: matched.end("store")]
        method = "GET" if request.method == "HEAD" else request.method
        allowed: set[str] = set()
        for route in self._routes:
            fitting = route.pattern.fullmatch(rest)
            if fitting is None:
                continue
            if route.method == method:
                path = {name: unquote(value) for name, value in fitting.groupdict().items()}
                return Found(request, route, unquote(store), path, origin + root)
            allowed.add(route.method)
        if allowed:
            return _not_allowed(allowed)
        return failed(NotFound("found no resource of DICOMweb at this path"), "", "routing")

    def at_once(self, found: Found) -> Response | None:
        """The answer of an inline route on the event loop; None: it must wait, call `answer`."""
        known = self._stores.get(found.store)
        if known is None or known[1] <= self._ticks():
            return None
        ready, request = found.route.ready, found.request
        try:
            if ready is not None and not ready(
                self._room, known[0], found.path, request.headers, _pairs(request.query)
            ):
                return None
        except (InvalidInput, TooLarge):
            return None  # a query that is none is refused in a thread
        try:
            principal = self.entrance.at_once(found.request)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            refused = error
            return self._watched(found, lambda _: _raise(refused))
        if principal is None:
            return None
        return self._watched(found, lambda id_: self._run(found, principal, id_, _NO_BODY))

    def answer(self, found: Found, body: Iterator[bytes]) -> Response:
        """The answer to a request; it may wait. Never raises."""

        def run(request_id: str) -> Response:
            principal, checked = self.entrance.enter(found.request, body)
            return self._run(found, principal, request_id, checked, patient=True)

        return self._watched(found, run)

    def _watched(self, found: Found, run: Callable[[str], Response]) -> Response:
        request_id = new_request_id()
        exchange = Exchange(found.request, request_id, SERVICE, found.route.action)
        bound = logs.bind(request_id=request_id, operation=found.route.action)
        begun = self._observer.begin(exchange)
        try:
            response = run(request_id)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            response = failed(error, request_id, found.route.action)
            exchange.failure = type(error).__name__
        exchange.status = response.status
        if isinstance(response.body, bytes):
            exchange.sent = len(response.body)
        self._observer.end(exchange, begun)
        logs.unbind(bound)
        response.headers.append(("x-request-id", request_id))
        return response

    def _run(
        self,
        found: Found,
        principal: Principal,
        request_id: str,
        body: Iterator[bytes],
        *,
        patient: bool = False,
    ) -> Response:
        logs.note(key_id=principal.id)
        request, route, path = found.request, found.route, found.path
        caller = Caller(principal, self._audit, request.source, request_id)
        datastore_id = self._datastore(found.store)
        frames = path.get("frames") if route.folds else None
        resource = path.get("series") if frames else None
        resource = resource or _deepest(path) or datastore_id
        told = f"{path['instance']}/{frames}" if frames and "instance" in path else None
        with caller.audited(
            route.action, scope=datastore_id, resource=_visible(resource), frame=told
        ):
            principal.require(route.role, datastore_id)
            pairs = _pairs(request.query)
            if any(name == _DEIDENTIFY for name, _ in pairs) and (
                _DEIDENTIFY not in route.parameters
            ):  # to pass it over would be to give a name to who wanted none
                raise InvalidInput("found deidentify, which this does not offer", where=_DEIDENTIFY)
            if patient and route.sees:
                self._await_visible(found, principal, datastore_id, pairs)
            return route.answer(
                Call(
                    room=self._room,
                    caller=caller,
                    datastore_id=datastore_id,
                    method=request.method,
                    path=path,
                    query=pairs,
                    headers=request.headers,
                    base=found.base,
                    body=_bounded(body, self._limits.max_upload),
                    limits=self._limits,
                )
            )

    def _await_visible(
        self,
        found: Found,
        principal: Principal,
        datastore_id: str,
        pairs: tuple[tuple[str, str], ...],
    ) -> None:
        """Wait for what the caller has stored, and for what anybody has of the studies named."""
        path = found.path
        if found.route.ready is not None and not any(name == _IMAGE_SET for name, _ in pairs):
            place = Place(datastore_id, path["study"], path["series"], path["instance"])
            if remembered(self._room, place) is not None:
                return
        studies = {value for name, text in pairs if name in _STUDY for value in _uids(text)}
        studies |= {path["study"]} if "study" in path else set()
        may_store = principal.allows(Role.WRITER, datastore_id)
        await_visible(
            self._room,
            datastore_id,
            actor=principal.id if may_store else None,
            studies=studies,
        )

    def _datastore(self, text: str) -> str:
        """The id of the data store that is called so; ids are looked up like names."""
        now = self._ticks()
        known = self._stores.get(text)
        if known is not None and now < known[1]:
            return known[0]
        active = active_datastores(self._room)
        named = [one.id for one in active if text == one.id] or [
            one.id for one in active if text == one.name
        ]
        if len(named) > 1:
            raise InvalidInput(
                f"found {len(named)} data stores of this name, expected the id of one"
            )
        if not named:
            self._stores.pop(text, None)
            raise NotFound("found no data store of this name or id")
        self._stores[text] = named[0], now + _KNOWN_SECONDS
        return named[0]


def _uids(text: str) -> Iterator[str]:
    """The UIDs that a value lists: with commas or as PS3.5 has it (PS3.18 8.3.4.1)."""
    return (one for one in text.replace("\\", ",").split(",") if one)


def _deepest(path: dict[str, str]) -> str | None:
    return path.get("instance") or path.get("series") or path.get("study")


def _visible(text: str) -> str:
    """What the audit can name: paths hold what clients write into them."""
    return text if len(text) <= 64 and text.isascii() and text.isprintable() else "unknown"


def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    if not query:
        return ()
    if len(query) > _LONGEST_QUERY:
        raise TooLarge(f"found a query of {len(query)} bytes, expected at most {_LONGEST_QUERY}")
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PAIRS
        )
    except ValueError:
        raise InvalidInput(
            f"found a query that is not UTF-8 or has more than {_MOST_PAIRS} parameters"
        ) from None
    return tuple(pairs)


def _bounded(body: Iterator[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for piece in body:
        size += len(piece)
        if size > most:
            raise BodyTooLarge(f"found a body of more than {most} bytes, which max_upload allows")
        yield piece


def _not_allowed(allowed: set[str]) -> Response:
    named = ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))
    body = b'{"status":405,"message":"This resource has other methods."}'
    return Response(405, [("content-type", "application/json"), ("allow", named)], body)


def _raise(error: Exception) -> Any:
    raise error
