"""Messages of an event stream, read by botocore's own decoder."""

from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.model import ShapeResolver
from hypothesis import given
from hypothesis import strategies as st

from iryo.wire.aws.eventstream import EventWriter, message
from iryo.wire.aws.outputs import OutputShapes


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.text("abc:-", min_size=1, max_size=20), st.text(max_size=20)),
            st.binary(),
        )
    )
)
def test_botocore_reads_them(messages: list[tuple[dict[str, str], bytes]]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(message(headers, payload) for headers, payload in messages))
    found: list[Any] = list(buffer)
    assert [(each.headers, each.payload) for each in found] == messages


def test_events_with_members_outside_their_body_are_not_for_it() -> None:
    shapes: Any = {
        "Stream": {"type": "structure", "eventstream": True, "members": {"A": {"shape": "A"}}},
        "A": {"type": "structure", "members": {"B": {"shape": "B", "eventpayload": True}}},
        "B": {"type": "blob"},
    }
    shape = ShapeResolver(shapes).get_shape_by_name("Stream")
    with pytest.raises(ValueError, match="the event A has members outside its body"):
        EventWriter(shape, OutputShapes(), "json", lambda _: b"")
