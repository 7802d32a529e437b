"""Batches that cost their worker: each thing in them is tried with no other beside it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from iryo.compute import Compute
from iryo.errors import WorkerDied
from iryo.imaging.service.care.check import InstanceBatch, could_not, reason
from iryo.imaging.service.care.check_documents import DocumentBatch, could_not_read
from iryo.imaging.service.care.kinds import Checked, Unchecked
from iryo.jobs import JobContext

__all__ = ["documents", "each", "instances"]

B = TypeVar("B", InstanceBatch, DocumentBatch)

_Singles = Callable[[B], Iterator[tuple[B, Callable[[str], Unchecked]]]]


def each(
    compute: Compute,
    context: JobContext,
    function: Callable[[B], Checked],
    batches: Iterator[B],
    singles: _Singles[B],
) -> Iterator[tuple[B, Checked]]:
    """Each batch with what came of it.

    A worker that dies, or has no memory left, says nothing of what is stored: what costs one even
    alone could not be checked.
    """
    for outcome in compute.map_unordered(function, batches):
        context.check()
        if outcome.error is None:
            yield outcome.item, outcome.value or Checked()
        elif isinstance(outcome.error, (WorkerDied, MemoryError)):
            yield outcome.item, _one_by_one(compute, context, function, singles(outcome.item))
        else:
            raise outcome.error


def _one_by_one(
    compute: Compute,
    context: JobContext,
    function: Callable[[B], Checked],
    singles: Iterator[tuple[B, Callable[[str], Unchecked]]],
) -> Checked:
    total = Checked()
    told: dict[int, Callable[[str], Unchecked]] = {}

    def items() -> Iterator[B]:
        for single, could_not_be in singles:
            told[single.number] = could_not_be
            yield single

    for outcome in compute.map_unordered(function, items()):
        context.check()
        if isinstance(outcome.error, (WorkerDied, MemoryError)):
            total.could_not(told[outcome.item.number](_why(outcome.error)))
        elif outcome.error is not None:
            raise outcome.error
        elif outcome.value is not None:
            total.add(outcome.value)
    return total


def _why(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return reason(error)
    return f"the process that checked it died ({reason(error)})"


def instances(batch: InstanceBatch) -> Iterator[tuple[InstanceBatch, Callable[[str], Unchecked]]]:
    """A batch for each instance of a batch, and how it is told if that cannot be checked."""
    for number, item in enumerate(batch.instances):
        yield replace(batch, number=number, instances=(item,)), partial(could_not, item)


def documents(batch: DocumentBatch) -> Iterator[tuple[DocumentBatch, Callable[[str], Unchecked]]]:
    """A batch for each document of a batch, and how it is told if that cannot be checked."""
    for number, item in enumerate(batch.versions):
        yield replace(batch, number=number, versions=(item,)), partial(could_not_read, item)
