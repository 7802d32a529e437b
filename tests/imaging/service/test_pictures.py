"""What is looked at, remembered."""

from hypothesis import given
from hypothesis import strategies as st

from iryo.imaging.service.pictures import Recent


@given(st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=40))))
def test_the_last_are_kept_and_all_fit(given: list[tuple[int, bytes]]) -> None:
    pictures = Recent[bytes](100, 90, len)
    for key, data in given:
        pictures.remember(key, data)
        assert pictures.find(key) == data
    kept = [pictures.find(key) or b"" for key in range(7)]
    assert sum(map(len, kept)) <= 100


def test_what_is_asked_for_stays() -> None:
    pictures = Recent[bytes](100, 90, len)
    pictures.remember("a", b"x" * 40)
    pictures.remember("b", b"y" * 40)
    assert pictures.find("a") is not None
    pictures.remember("c", b"z" * 40)
    assert pictures.find("b") is None
    assert pictures.find("a") is not None
    pictures.remember("d", b"too large" * 11)
    assert pictures.find("d") is None
