"""The bar by which a person sees how far something is."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["bar"]


def bar(console: "Console", title: str, unit: str) -> "Progress":
    """A bar of its own line, gone at the end: done of all, time since and time left.

    Args:
        console: where.
        title: what goes on.
        unit: what is counted; rich's ``{task.fields[name]}`` stands for what a task is given.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
