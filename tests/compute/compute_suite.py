"""What every compute must do: one joins by subclassing, and by giving a fixture.

class TestMine(ComputeSuite):
    @pytest.fixture
    def compute(self) -> Iterator[Compute]: ...
"""

import itertools
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from iryo.compute import Compute
from iryo.errors import Conflict, InvalidDicom, InvalidInput, IryoError, TooLarge, Unavailable
from tests.compute import functions


class Counted:
    """An endless source that tells how far it was drawn."""

    def __init__(self) -> None:
        self.drawn = 0

    def __iter__(self) -> "Counted":
        return self

    def __next__(self) -> int:
        self.drawn += 1
        return self.drawn


class ComputeSuite:
    """The promises of `Compute.map_unordered`, whatever the executor."""

    @pytest.fixture
    def compute(self) -> Iterator[Compute]:
        raise NotImplementedError

    def test_each_item_has_one_outcome(self, compute: Compute) -> None:
        outcomes = list(compute.map_unordered(functions.double, range(100)))
        assert {one.item: one.value for one in outcomes} == {n: 2 * n for n in range(100)}
        assert len(outcomes) == 100
        assert all(one.error is None for one in outcomes)

    def test_no_items(self, compute: Compute) -> None:
        assert list(compute.map_unordered(functions.double, [])) == []

    def test_items_that_are_equal(self, compute: Compute) -> None:
        outcomes = list(compute.map_unordered(functions.double, [7] * 20))
        assert [one.result() for one in outcomes] == [14] * 20

    def test_the_item_is_the_callers_own(self, compute: Compute) -> None:
        items = [[1], [2], [3]]
        for one in compute.map_unordered(len, items):
            assert any(one.item is item for item in items)

    def test_a_partial_can_be_sent(self, compute: Compute) -> None:
        function = partial(functions.add, 10, three=100)
        assert {one.value for one in compute.map_unordered(function, [1, 2])} == {111, 112}

    def test_an_item_may_be_given_any_time(self, compute: Compute) -> None:
        outcomes = compute.map_unordered(functions.double, [1, 2], seconds=lambda _: 1e30)
        assert sorted(one.result() for one in outcomes) == [2, 4]

    def test_it_can_be_used_again(self, compute: Compute) -> None:
        for _ in range(3):
            assert len(list(compute.map_unordered(functions.double, range(5)))) == 5

    def test_large_items_and_values(self, compute: Compute) -> None:
        sizes = [0, 1, 100_000, 5_000_000]
        values = {len(one.result()) for one in compute.map_unordered(functions.make, sizes)}
        assert values == set(sizes)
        items = [b"x" * size for size in sizes]
        assert {one.value for one in compute.map_unordered(len, items)} == set(sizes)

    @pytest.mark.parametrize("window", [1, 2, 3, 10])
    def test_the_window_bounds_what_is_drawn(self, compute: Compute, window: int) -> None:
        source = Counted()
        outcomes = compute.map_unordered(functions.double, source, window=window)
        assert source.drawn == 0, "nothing happens before the first outcome is asked for"
        for taken in range(1, 60):
            next(outcomes)
            assert source.drawn <= taken + window - 1
        outcomes.close()
        assert source.drawn <= 59 + window - 1

    def test_the_window_is_twice_the_workers_at_most(self, compute: Compute) -> None:
        source = Counted()
        outcomes = compute.map_unordered(functions.double, source)
        for taken in range(1, 40):
            next(outcomes)
            assert source.drawn <= taken + 2 * compute.workers - 1
        outcomes.close()

    @pytest.mark.parametrize("window", [0, -1])
    def test_a_window_of_nothing_is_refused(self, compute: Compute, window: int) -> None:
        with pytest.raises(ValueError, match=f"window of {window}"):
            compute.map_unordered(functions.double, [1], window=window)

    def test_an_exception_belongs_to_its_item(self, compute: Compute) -> None:
        outcomes = list(compute.map_unordered(functions.odd_fails, range(10)))
        for one in outcomes:
            if one.item % 2:
                assert isinstance(one.error, ValueError)
                assert one.value is None
                assert str(one.error) == f"found {one.item}, expected an even number"
                with pytest.raises(ValueError, match="expected an even number"):
                    one.result()
            else:
                assert one.error is None
                assert one.value == one.item
        assert len(outcomes) == 10

    @pytest.mark.parametrize(
        "error",
        [
            InvalidDicom("found x", where="(0028,0010)", offset=17, reason="Truncated"),
            TooLarge("found 9", where="body"),
            Conflict("found another"),
            Unavailable("the store is away"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_kinds_of_failure_keep_what_they_know(self, compute: Compute, error: IryoError) -> None:
        (outcome,) = compute.map_unordered(functions.fail_as, [type(error).__name__])
        assert type(outcome.error) is type(error)
        found, expected = vars(outcome.error), vars(error)
        assert {key: found[key] for key in expected} == expected
        assert str(outcome.error) == str(error)
        assert str(pickle.loads(pickle.dumps(outcome.error))) == str(error)

    def test_an_exception_that_cannot_travel_still_tells(self, compute: Compute) -> None:
        (outcome,) = compute.map_unordered(functions.fail_as, ["Stubborn"])
        assert "one and two" in str(outcome.error)

    def test_leaving_is_what_the_function_did(self, compute: Compute) -> None:
        (outcome,) = compute.map_unordered(functions.fail_as, ["SystemExit"])
        assert isinstance(outcome.error, SystemExit)
        assert outcome.error.code == 3
        assert [one.value for one in compute.map_unordered(functions.double, [1])] == [2]

    def test_a_source_that_fails(self, compute: Compute) -> None:
        def items() -> Iterator[int]:
            yield from range(3)
            raise LookupError("the folder is gone")

        outcomes = compute.map_unordered(functions.double, items())
        with pytest.raises(LookupError, match="the folder is gone"):
            list(outcomes)
        assert len(list(compute.map_unordered(functions.double, range(5)))) == 5

    def test_what_cannot_be_sent_is_refused_at_once(self, compute: Compute) -> None:
        def inner(number: int) -> int:
            return number

        unknown: list[Callable[[int], int]] = [inner, lambda number: number, partial(inner)]
        for function in unknown:
            with pytest.raises(InvalidInput, match="top of a module") as caught:
                compute.map_unordered(function, [1])
            assert caught.value.where == "function"

    def test_a_function_of_the_main_program_is_refused(
        self, compute: Compute, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Workers do not run the main program again to find it."""
        monkeypatch.setattr(functions.double, "__module__", "__main__")
        for function in (functions.double, partial(functions.double)):
            with pytest.raises(InvalidInput, match="function double of the program"):
                compute.map_unordered(function, [1])

    def test_closing_early(self, compute: Compute) -> None:
        source = Counted()
        outcomes = compute.map_unordered(functions.double, source)
        next(outcomes)
        outcomes.close()
        drawn = source.drawn
        assert list(outcomes) == []
        assert len(list(compute.map_unordered(functions.double, range(20)))) == 20
        assert source.drawn == drawn

    def test_an_exception_between_outcomes(self, compute: Compute) -> None:
        """Ctrl-C in the middle: the source is left alone, and the compute can be used again."""

        def interrupted() -> None:
            for one in compute.map_unordered(functions.double, source):
                if one.item == 5:
                    raise KeyboardInterrupt

        source = Counted()
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        drawn = source.drawn
        assert len(list(compute.map_unordered(functions.double, range(20)))) == 20
        assert source.drawn == drawn

    def test_two_maps_at_a_time(self, compute: Compute) -> None:
        one = compute.map_unordered(functions.double, itertools.count(0, 2))
        two = compute.map_unordered(functions.double, itertools.count(1, 2))
        evens = [next(one).item for _ in range(20)]
        odds = [next(two).item for _ in range(20)]
        assert {n % 2 for n in evens} == {0}
        assert {n % 2 for n in odds} == {1}
        one.close()
        two.close()

    def test_maps_in_threads(self, compute: Compute) -> None:
        barrier = threading.Barrier(4)

        def work(start: int) -> set[int]:
            barrier.wait(60)
            items = range(start, start + 30)
            return {one.item for one in compute.map_unordered(functions.double, items)}

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(work, range(0, 400, 100)))
        assert found == [set(range(start, start + 30)) for start in range(0, 400, 100)]

    def test_after_closing_nothing_runs(self, compute: Compute) -> None:
        list(compute.map_unordered(functions.double, range(3)))
        compute.close()
        compute.close()
        with pytest.raises(RuntimeError, match="after shutdown"):
            list(compute.map_unordered(functions.double, [1]))
