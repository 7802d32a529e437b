"""What became of one item."""

from dataclasses import dataclass
from typing import Generic, TypeVar, cast

__all__ = ["Outcome"]

T_co = TypeVar("T_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T_co, R_co]):
    """An item with what the function returned for it, or with what it raised."""

    item: T_co
    value: R_co | None = None
    error: BaseException | None = None

    def result(self) -> R_co:
        """The value; raises the error if there is one."""
        if self.error is not None:
            raise self.error
        return cast("R_co", self.value)
