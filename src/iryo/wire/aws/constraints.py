"""What a model demands of a value, and AWS's words for it.

The words are those of AWS's servers ("1 validation error detected: Value at 'name' failed to
satisfy constraint: Member must have length less than or equal to 256"). Values are never echoed:
they may be patient data, whether the model marks them sensitive or not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iryo.wire.patterns import compile_pattern

__all__ = ["NOT_NULL", "ONE_MEMBER", "Constraints", "Faults", "Path", "path_text"]

Path = tuple[Any, str | int] | None
"""Where a value stands: (path of what holds it, its name or index); None is the input itself."""

NOT_NULL = "Member must not be null"
ONE_MEMBER = "Member must have exactly one of its members set"
_TOO_LONG = "Member must have length less than or equal to"
_MOST = 50  # faults that are told in one message


def path_text(path: Path) -> str:
    """The path in AWS's notation: ``filters.1.member.values``."""
    parts: list[str] = []
    while path is not None:
        path, label = path
        parts.append(label if isinstance(label, str) else f"{label + 1}.member")
    return ".".join(reversed(parts))


class Faults:
    """The constraints that one input breaks."""

    __slots__ = ("_found", "count")

    def __init__(self) -> None:
        self.count = 0
        self._found: list[str] = []

    def add(self, path: Path, constraint: str) -> None:
        """Notes that the value at `path` does not satisfy `constraint`."""
        self.count += 1
        if self.count <= _MOST:
            self._found.append(
                f"Value at '{path_text(path)}' failed to satisfy constraint: {constraint}"
            )

    def message(self) -> str:
        """All of them in AWS's words."""
        errors = "error" if self.count == 1 else "errors"
        return f"{self.count} validation {errors} detected: " + "; ".join(self._found)


@dataclass(frozen=True, slots=True)
class Constraints:
    """Tests and the words for each; a test is true when the value fits."""

    tests: tuple[tuple[Callable[[Any], object], str], ...]

    @classmethod
    def of(cls, shape: Any, patterns: Mapping[str, str]) -> "Constraints":
        """The constraints of a botocore shape.

        Args:
            shape: the shape.
            patterns: shape name to a pattern that replaces the model's.
        """
        if shape.type_name in ("string", "blob", "list", "map"):
            tests = _length_tests(shape.metadata)
        else:
            tests = _range_tests(shape.metadata)
        pattern = patterns.get(shape.name, shape.metadata.get("pattern"))
        if pattern and shape.type_name == "string":
            words = f"Member must satisfy regular expression pattern: {pattern}"
            tests.append((compile_pattern(pattern), words))
        if listed := shape.metadata.get("enum"):
            words = f"Member must satisfy enum value set: [{', '.join(listed)}]"
            tests.append((frozenset(listed).__contains__, words))
        return cls(tuple(tests))

    def check(self, value: Any, path: Path, faults: Faults) -> None:
        """Notes in `faults` what `value` does not satisfy."""
        for test, words in self.tests:
            if not test(value):
                faults.add(path, words)
                if words.startswith(_TOO_LONG):
                    return  # a pattern is not tried on a text without bounds

    def fits(self, value: Any) -> bool:
        """Whether `value` satisfies all."""
        return all(test(value) for test, _ in self.tests)

    def words(self) -> str:
        """All constraints in AWS's words, as they are told of the items of a list or map."""
        return f"[{', '.join(words for _, words in self.tests)}]"


def _length_tests(metadata: Mapping[str, Any]) -> list[tuple[Callable[[Any], object], str]]:
    tests: list[tuple[Callable[[Any], object], str]] = []
    low, high = metadata.get("min"), metadata.get("max")
    if high is not None:
        words = f"{_TOO_LONG} {high}"
        tests.append((lambda value: len(value) <= high, words))
    if low:
        words = f"Member must have length greater than or equal to {low}"
        tests.append((lambda value: len(value) >= low, words))
    return tests


def _range_tests(metadata: Mapping[str, Any]) -> list[tuple[Callable[[Any], object], str]]:
    tests: list[tuple[Callable[[Any], object], str]] = []
    low, high = metadata.get("min"), metadata.get("max")
    if high is not None:
        words = f"Member must have value less than or equal to {high}"
        tests.append((lambda value: value <= high, words))
    if low is not None:
        words = f"Member must have value greater than or equal to {low}"
        tests.append((lambda value: value >= low, words))
    return tests
