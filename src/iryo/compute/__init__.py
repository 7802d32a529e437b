"""Where work runs: one function over many items, on any `concurrent.futures.Executor`."""

from iryo.compute.compute import Compute, open_compute
from iryo.compute.outcome import Outcome

__all__ = ["Compute", "Outcome", "open_compute"]
