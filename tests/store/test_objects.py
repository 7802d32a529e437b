from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import InvalidInput
from iryo.store.objects import MAX_KEY, check_key, check_prefix, open_objects

PART = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,30}", fullmatch=True)


@given(st.lists(PART, min_size=1, max_size=10))
def test_good_keys(parts: list[str]) -> None:
    key = "/".join(parts)
    assert check_key(key) == key
    assert check_prefix(key) == check_prefix(f"{key}/") == key


@given(st.text())
def test_a_key_never_leaves_its_folder(text: str) -> None:
    try:
        key = check_key(text)
    except InvalidInput:
        return
    assert not Path(key).is_absolute()
    assert not any(part.startswith(".") for part in Path(key).parts)
    assert Path("/root", key).resolve().is_relative_to("/root")
    assert len(key) <= MAX_KEY


@given(st.text(min_size=1).map(lambda text: f"/{text}"))
def test_a_refusal_is_short_and_says_where(key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_key(key)
    assert caught.value.where == "key"
    assert len(caught.value.message) < 700


def test_the_empty_prefix_is_everything() -> None:
    assert check_prefix("") == ""
    for prefix in ("/", "..", "a//", "a/.."):
        with pytest.raises(InvalidInput):
            check_prefix(prefix)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "objects",
        "/srv/objects",
        "file:objects",
        "file://objects",
        "file://server/objects",
        "ftp://server/objects",
        "memory",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected file://") as caught:
        open_objects(url)
    assert caught.value.where == "objects"


def test_a_folder_with_a_strange_name(tmp_path: Path) -> None:
    folder = tmp_path / "Röntgen 100%?#"
    objects = open_objects(folder.as_uri())
    objects.put("a", b"1")
    assert (folder / "a").read_bytes() == b"1"
    assert objects.url == folder.as_uri()
    objects.close()


def test_localhost_is_here(tmp_path: Path) -> None:
    objects = open_objects(f"file://localhost{tmp_path}")
    objects.put("a", b"1")
    assert open_objects(objects.url).get("a") == b"1"
