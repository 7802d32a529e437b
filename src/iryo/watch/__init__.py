"""Watching: what is counted, and how the counts of several processes become one answer.

The rooms and the floor know nothing of this package: they tell small observers (Protocols of their
own), which `iryo.app` puts in. No count has an id or a text of a client's among its labels.
"""

from iryo.watch.board import Board, Gauges, Reading, own_board
from iryo.watch.exposition import render
from iryo.watch.observers import Observers
from iryo.watch.probe import Probe
from iryo.watch.sheet import Sheet
from iryo.watch.table import METRICS, Metric

__all__ = [
    "METRICS",
    "Board",
    "Gauges",
    "Metric",
    "Observers",
    "Probe",
    "Reading",
    "Sheet",
    "own_board",
    "render",
]
