import string

from iryo.store.ids import ID_LENGTH, new_id


def test_an_id_is_32_small_letters_and_digits() -> None:
    for _ in range(200):
        made = new_id()
        assert len(made) == ID_LENGTH == 32
        assert set(made) <= set(string.ascii_lowercase + string.digits)


def test_no_two_are_the_same() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_every_character_is_as_likely_at_every_place() -> None:
    """3,600 identifiers: each of 36 characters about 100 times; 10 sigma is never met by chance."""
    made = [new_id() for _ in range(3600)]
    for place in (0, 1, 16, 31):
        for character in string.ascii_lowercase + string.digits:
            assert 20 < sum(one[place] == character for one in made) < 200
