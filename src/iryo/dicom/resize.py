"""Pictures made larger or smaller: a triangle filter, wide enough that nothing is skipped."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["fitted", "resize"]

Bytes = NDArray[np.uint8]


def fitted(shape: tuple[int, ...], width: int, height: int) -> tuple[int, int]:
    """Rows and columns that fill a box as far as the aspect ratio allows (PS3.18 8.3.5.1.3).

    Args:
        shape: ``(rows, columns, ...)`` of the picture.
        width: of the box, in pixels.
        height: of the box.
    """
    scale = min(width / shape[1], height / shape[0])
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def resize(image: Bytes, rows: int, columns: int) -> Bytes:
    """The picture, ``(rows, columns[, 3])`` uint8, with other numbers of rows and columns."""
    if image.shape[:2] == (rows, columns):
        return image
    down = _weights(image.shape[0], rows)
    across = _weights(image.shape[1], columns)
    planes = image.astype(np.float32)
    if image.ndim == 2:
        made: NDArray[Any] = down @ planes @ across.T
    else:
        made = np.stack([down @ planes[:, :, n] @ across.T for n in range(image.shape[2])], axis=-1)
    return cast("Bytes", np.clip(np.rint(made), 0, 255).astype(np.uint8))


def _weights(before: int, after: int) -> NDArray[np.float32]:
    """How much each of `before` samples counts for each of `after`: ``(after, before)``."""
    scale = before / after
    reach = max(scale, 1.0)
    centers = (np.arange(after, dtype=np.float32) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(before, dtype=np.float32)[None, :] - centers[:, None])
    weights = np.maximum(0, 1 - distance / reach)
    found: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return found
