"""Write docs/reference/metrics.md from the table in iryo.watch.

    python scripts/metrics_reference.py

`tests/watch/test_reference.py` fails when the page is not what this writes.
"""

from itertools import groupby
from pathlib import Path

from iryo.watch import METRICS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "metrics.md"

HEAD = """\
# Metrics

<!-- Written by scripts/metrics_reference.py; change src/iryo/watch/table.py instead. -->

What `/-/metrics` tells, in Prometheus's text format. Any process of a server tells of all of them:
counters and histograms are added up, also over processes that have died; of gauges, those of the
processes that live. Labels take values from small closed sets; there is no id, no name and no path
among them. [Watch an installation](../how-to/watch.md) shows it at work.
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for group, metrics in groupby(METRICS.values(), key=lambda metric: metric.group):
        parts.append(f"## {group}\n")
        parts.append("| metric | kind | labels | says |\n| --- | --- | --- | --- |")
        parts += [
            f"| `{one.name}` | {one.kind} | {' '.join(f'`{x}`' for x in one.labels)} | {one.help} |"
            for one in metrics
        ]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(render())
