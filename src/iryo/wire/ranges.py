"""Byte ranges of a body (RFC 9110 14)."""

import re
from typing import Final

__all__ = ["UNSATISFIABLE", "byte_range"]

UNSATISFIABLE: Final = (-1, -1)
_ONE: Final = re.compile(
    r"\s*bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{1,18})?|-\s*(\d{1,18}))\s*", re.IGNORECASE
)


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Where the wanted part begins and ends (not included); None: the whole.

    Several ranges at once, other units and what is no range count as no Range at all (RFC 9110
    14.2); what lies beyond the end is UNSATISFIABLE.

    Args:
        header: Range.
        size: bytes of the whole.
    """
    found = _ONE.fullmatch(header) if header and len(header) < 100 and header.isascii() else None
    if found is None:
        return None
    if found[3] is not None:
        length = min(int(found[3]), size)
        return (size - length, size) if length else UNSATISFIABLE
    first = int(found[1])
    last = size - 1 if found[2] is None else min(int(found[2]), size - 1)
    if found[2] is not None and int(found[2]) < first:
        return None
    return (first, last + 1) if first < size else UNSATISFIABLE
