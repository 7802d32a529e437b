"""What the kernel says of a process (proc(5)): processor time, memory, open files, start."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["of_process"]


def of_process(pid: int) -> Iterator[tuple[str, float]]:
    """Metrics of the table with their values; none where there is no /proc or no such process."""
    folder = Path(f"/proc/{pid}")
    with suppress(OSError, ValueError, IndexError):
        # After the name in brackets, which may hold blanks: fields 3 and on.
        parts = (folder / "stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        yield "iryo_process_cpu_seconds_total", (int(parts[11]) + int(parts[12])) / ticks
        pages = int((folder / "statm").read_text().split()[1])
        yield "iryo_process_resident_bytes", pages * os.sysconf("SC_PAGE_SIZE")
        booted = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text().splitlines()
            if line.startswith("btime")
        )
        yield "iryo_process_start_time_seconds", booted + int(parts[19]) / ticks
        yield "iryo_process_open_files", len(os.listdir(folder / "fd"))  # noqa: PTH208 - the count
