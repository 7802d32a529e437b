"""A call with a bound on its time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

__all__ = ["Within"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Within(Generic[P, R]):
    """`function`, and the seconds after which an executor that can end its workers gives up.

    To all others it is the function and nothing more.
    """

    function: Callable[P, R]
    seconds: float

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it."""
        return self.function(*args, **kwargs)
