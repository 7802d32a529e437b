"""What is wrong with an installation, and what to do about it.

Every check is a small function that looks at one thing and says what it found; CHECKS lists them in
the order in which they are shown. Nothing is changed, save what a probe writes and takes away.
"""

from iryo.doctor.case import Case
from iryo.doctor.examine import CHECKS, Check, examine
from iryo.doctor.model import Finding, Level

__all__ = ["CHECKS", "Case", "Check", "Finding", "Level", "examine"]
