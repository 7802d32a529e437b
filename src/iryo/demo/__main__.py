"""`python -m iryo.demo [FOLDER]`; `make demo` runs it."""

import logging
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from iryo.demo.browser import PICTURE, viewer_path
from iryo.demo.collect import prepare
from iryo.demo.story import Story
from iryo.errors import IryoError

_MEGA = 1e6


def main(
    folder: Annotated[Path, typer.Argument(help="Where; it is made anew.")] = Path("iryo-demo"),
) -> None:
    """Import real DICOM, read it back with boto3, check all of it, and say what happened.

    Exit code 0 if every check held, 1 otherwise.
    """
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    story = Story(folder, console)
    try:
        prepare(folder)
        story.tell()
    except IryoError as error:
        story.check("demo", error.message)
    _summary(story)
    if story.failed:
        raise typer.Exit(1)


def _summary(story: Story) -> None:
    console = story.console
    table = Table(box=box.SIMPLE_HEAD, title="What happened", title_justify="left", pad_edge=False)
    for name in ("What", "Count", "MB before", "MB after", "Seconds", "Rate"):
        table.add_column(name, justify="left" if name in ("What", "Count") else "right")
    for row in story.rows:
        sizes = ["" if n is None else f"{n / _MEGA:.1f}" for n in (row.before, row.after)]
        table.add_row(row.what, row.count, *sizes, f"{row.seconds:.1f}", row.rate)
    console.print(table)
    if story.reasons:
        reasons = Table(
            box=box.SIMPLE_HEAD,
            title="Broken on purpose, and told of",
            title_justify="left",
            pad_edge=False,
        )
        for name in ("Reason", "File", "What was found"):
            reasons.add_column(name)
        for reason, (_, examples) in sorted(story.reasons.items()):
            for name, message in examples:
                reasons.add_row(reason, name, message)
        console.print(reasons)
    home = shlex.quote(str((story.folder / "home").resolve()))
    programs = shlex.quote(str(Path(sys.executable).parent))
    console.print(f"The data lies in {story.folder.resolve()}: dicom/ went in, home/ is iryo's.")
    console.print("To go on:")
    for line in (
        f"export IRYO_HOME={home} PATH={programs}:$PATH",
        "iryo search 渋谷",
        "iryo search --modality CT",
        "iryo serve &",
        'eval "$(iryo env)"',
        "aws medical-imaging list-datastores",
    ):
        console.print(f"  {line}", soft_wrap=True, markup=False)
    console.print("and in a browser, where `iryo serve` tells how to sign in:")
    console.print(f"  http://127.0.0.1:8100{viewer_path()}", soft_wrap=True, markup=False)
    picture = story.folder.resolve() / PICTURE
    if picture.is_file():
        console.print(f"The viewer, as Chromium has shown it: {picture}", soft_wrap=True)
    seconds = time.monotonic() - story.began
    if story.failed:
        console.print(f"[red]{len(story.failed)} checks failed[/red] in {seconds:.0f} s:")
        for trouble in story.failed:
            console.print(f"  [red]✗[/red] {trouble}", soft_wrap=True)
    else:
        console.print(f"[green]All checks held[/green], in {seconds:.0f} s.")


if __name__ == "__main__":
    typer.run(main)
