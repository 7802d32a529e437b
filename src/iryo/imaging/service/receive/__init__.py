"""What senders bring: from their bytes to durable, from durable to visible.

A *reception* is one STOW-RS request or one association of C-STORE. What it brings is written into
the *inbox*, objects of iryo's own store; when it commits, rows (*arrivals*) name what came, and
from then on it becomes visible whatever happens. A job takes arrivals through the same steps as an
import: workers encode them into packs, then series by series they are published.

Whoever was told that something is stored before it is visible (see `certain`) waits for it when
they read (see `visible`).
"""

from iryo.imaging.service.receive.keeper import Keeper
from iryo.imaging.service.receive.model import (
    ANSWERED,
    LATER,
    WAITED,
    Arrived,
    Outcome,
    Result,
    Sender,
)
from iryo.imaging.service.receive.publishing import RECEIVE_KIND, run_receive
from iryo.imaging.service.receive.reception import Reception
from iryo.imaging.service.receive.visible import await_visible

__all__ = [
    "ANSWERED",
    "LATER",
    "RECEIVE_KIND",
    "WAITED",
    "Arrived",
    "Keeper",
    "Outcome",
    "Reception",
    "Result",
    "Sender",
    "await_visible",
    "run_receive",
]
