"""What lives on a page: only what has changed is sent."""

import json
from collections.abc import Iterable

from iryo.pages import Live, Part


def told(events: bytes) -> dict[str, str]:
    parts = [line[6:] for line in events.decode().splitlines() if line.startswith("data: ")]
    return {part["id"]: part["html"] for part in map(json.loads, parts)}


def test_only_changes_are_sent() -> None:
    now = {"a": "<p>1</p>", "b": "<p>\n\n1</p>"}
    live = Live(lambda: [Part(*one) for one in now.items()])
    first = live.first()
    assert first.startswith(b"retry: 2000\n\nevent: part\ndata: ")
    assert told(first) == now
    assert live.step() == b""
    now["a"] = "<p>2</p>"
    assert told(live.step()) == {"a": "<p>2</p>"}
    del now["b"]
    now["c"] = "<p>3</p>"
    assert told(live.step()) == {"b": "", "c": "<p>3</p>"}
    assert live.step() == b""


def test_an_event_is_one_line_of_data() -> None:
    """A blank line ends an event (WHATWG HTML 9.2.6): none may stand within it."""

    def look() -> Iterable[Part]:
        yield Part("a", "\r\n\ndata: x\n\nevent: y")

    (events,) = Live(look)
    assert events.count(b"\n\n") == 2
    assert b"\r" not in events
