"""So many bytes a second, with a clock of the test's own."""

from iryo.imaging.service.care.pace import Pace


class Clock:
    """Waiting is what makes time go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_after_the_first_second_bytes_take_their_time() -> None:
    clock = Clock()
    pace = Pace(100, clock=clock, wait=clock.wait)
    pace.take(100)
    assert clock.now == 0
    for _ in range(10):
        pace.take(50)
    assert clock.now == 5


def test_an_item_larger_than_the_bucket_is_paid_for() -> None:
    clock = Clock()
    pace = Pace(100, clock=clock, wait=clock.wait)
    pace.take(1100)
    assert clock.now == 10


def test_no_more_than_a_second_is_saved_up() -> None:
    clock = Clock()
    pace = Pace(100, clock=clock, wait=clock.wait)
    clock.now = 3600
    pace.take(300)
    assert clock.now == 3602


def test_without_a_rate_nothing_waits() -> None:
    clock = Clock()
    Pace(None, clock=clock, wait=clock.wait).take(1 << 40)
    assert clock.now == 0
