import dataclasses

import pytest

from iryo.compute import Outcome


def test_a_result_is_the_value_or_raises_the_error() -> None:
    assert Outcome("a", value=None).result() is None
    assert Outcome("a", value=3).result() == 3
    with pytest.raises(LookupError):
        Outcome("a", error=LookupError()).result()


def test_an_outcome_does_not_change() -> None:
    outcome = Outcome("a", value=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.value = 4  # type: ignore[misc]
