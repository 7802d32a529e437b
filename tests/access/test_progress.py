"""Following numbers that come out of order: none is missed, none is dealt with twice."""

from hypothesis import given
from hypothesis import strategies as st

from iryo.access.progress import MOST_GAPS, PATIENCE, Gap, Progress


def wanted(progress: Progress, number: int) -> bool:
    """Whether a row with this number would be asked for: as the query in `forward` says."""
    late = any(gap.first <= number <= gap.last for gap in progress.gaps)
    return number > progress.last or late


@given(st.permutations(list(range(1, 30))), st.lists(st.integers(0, 5), min_size=29, max_size=29))
def test_each_number_is_dealt_with_once_however_they_appear(
    order: list[int], sizes: list[int]
) -> None:
    progress, there, dealt = Progress(0), list[int](), list[int]()
    for size in sizes:
        there += order[len(there) : len(there) + size]
        new = sorted(number for number in there if wanted(progress, number))[:4]
        dealt += new
        progress = progress.after(new, 0)
    for _ in range(30):
        new = sorted(number for number in order if wanted(progress, number))[:4]
        dealt += new
        progress = progress.after(new, 0)
    assert sorted(dealt) == list(range(1, 30))
    assert progress == Progress(29)


def test_a_hole_is_forgotten_in_the_end() -> None:
    progress = Progress(1).after([4], 10)
    assert progress == Progress(4, (Gap(2, 3, 10),))
    assert progress.after([5], 9 + PATIENCE).gaps == progress.gaps
    assert progress.after([5], 10 + PATIENCE).gaps == ()
    many = Progress(0).after(range(2, 2000, 2), 0)
    assert len(many.gaps) == MOST_GAPS
    assert many.gaps[-1] == Gap(1997, 1997, 0)
