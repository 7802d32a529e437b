"""All settings: one table, read once at the start, passed down as a frozen object.

A value comes from the first of: a flag, an environment variable ``IRYO_...``, a TOML file, the
default. This is the only package that knows the environment.
"""

from iryo.settings.loading import Loaded, environment, load
from iryo.settings.table import SETTINGS, Setting, Settings

__all__ = ["SETTINGS", "Loaded", "Setting", "Settings", "environment", "load"]
