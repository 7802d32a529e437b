"""What is installed: pinned, hashed, permissive; and nothing of the machine that pinned it."""

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = ROOT / "requirements" / "runtime.txt"
DEV = ROOT / "requirements" / "dev.txt"

# Licences that ask nothing of those who use or pass on iryo but to keep the notice.
PERMISSIVE = re.compile(
    r"(MIT|MIT-0|MIT License|BSD|0BSD|BSD-[23]-Clause|BSD License|Apache-2\.0|"
    r"Apache Software License|Apache License 2\.0|ISC|ISC License \(ISCL\)|PSF-2\.0|"
    r"Python Software Foundation License|Zlib|CC0-1\.0|Unlicense|Dual License)"
)
# Others, each with why it may come along.
JUSTIFIED = {
    "orjson": "MPL-2.0 (per file, for a part of it that is linked unchanged) AND Apache-2.0 OR MIT",
}
# The base install carries these many distributions and no more without a thought.
MOST_DISTRIBUTIONS = 45


def pins(path: Path) -> dict[str, list[tuple[str, Marker | None]]]:
    """Name -> its (version, marker)s: one, or several that exclude each other by their markers."""
    found: dict[str, list[tuple[str, Marker | None]]] = {}
    for line in path.read_text().splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.removesuffix("\\").strip())
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            name = canonicalize_name(requirement.name)
            found.setdefault(name, []).append((specifier.version, requirement.marker))
    return found


def runtime_here() -> list[str]:
    """The distributions of the base install on this machine."""
    return [
        name
        for name, entries in pins(RUNTIME).items()
        if any(marker is None or marker.evaluate() for _, marker in entries)
    ]


def licences(name: str) -> list[str]:
    """Each licence that a distribution names of itself; an SPDX expression goes first."""
    metadata = importlib.metadata.metadata(name)
    if expressions := metadata.get_all("License-Expression"):
        return re.split(r"\s+(?:AND|OR)\s+|[()]", expressions[0])
    classified = [
        entry.rpartition(" :: ")[2]
        for entry in metadata.get_all("Classifier") or []
        if entry.startswith("License ::")
    ]
    return classified or [text.strip() for text in metadata.get_all("License") or ["none named"]]


@pytest.mark.parametrize("name", runtime_here())
def test_base_install_is_permissive(name: str) -> None:
    named = [licence for licence in licences(name) if licence]
    if name in JUSTIFIED:
        assert not all(PERMISSIVE.fullmatch(licence) for licence in named), "no longer an exception"
        return
    assert named
    assert all(PERMISSIVE.fullmatch(licence) for licence in named), named


def test_nothing_under_gpl_is_even_developed_with() -> None:
    """pylibjpeg-libjpeg (GPL-3) and its like would be an oracle that we may not pass on."""
    strong = re.compile(r"\bA?GPL|(?<!Lesser )General Public License|Affero")
    lent = {}
    for name, entries in pins(DEV).items():
        if any(marker is None or marker.evaluate() for _, marker in entries):
            bad = [licence for licence in licences(name) if strong.search(licence)]
            if bad:
                lent[name] = bad
    # docutils is public domain but for one file of Emacs Lisp; it comes with the AWS CLI.
    assert set(lent) <= {"docutils"}, lent


def test_base_install_is_small() -> None:
    assert len(runtime_here()) <= MOST_DISTRIBUTIONS


def test_every_dependency_is_pinned() -> None:
    wanted = [Requirement(text) for text in PYPROJECT["project"]["dependencies"]]
    for path in (RUNTIME, DEV):
        pinned = pins(path)
        for requirement in wanted:
            entries = pinned[canonicalize_name(requirement.name)]
            assert all(requirement.specifier.contains(version) for version, _ in entries)
    grouped = [
        need
        for group in PYPROJECT["dependency-groups"].values()
        for need in group
        if isinstance(need, str)
    ]
    missing = {canonicalize_name(Requirement(need).name) for need in grouped} - set(pins(DEV))
    assert not missing, f"{missing}: run `make pins`"


def test_runtime_pins_are_the_ones_that_are_tested() -> None:
    tested = pins(DEV)
    for name, entries in pins(RUNTIME).items():
        assert {version for version, _ in entries} <= {version for version, _ in tested[name]}


@pytest.mark.parametrize("path", [RUNTIME, DEV], ids=lambda path: path.name)
def test_every_pin_is_hashed(path: Path) -> None:
    text = re.sub(r"\\\n", "", path.read_text())
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            assert "--hash=sha256:" in line, line


def test_the_build_backend_is_pinned_for_an_offline_install() -> None:
    for text in PYPROJECT["build-system"]["requires"]:
        requirement = Requirement(text)
        ((version, _),) = pins(DEV)[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version)


def committed_text() -> list[Path]:
    """Every text file of the repository that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    paths = [ROOT / name for name in listed if name and (ROOT / name).is_file()]
    return [path for path in paths if b"\0" not in path.read_bytes()[:8192]]


# Put together here, so that this file does not hold what it looks for.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("conda", "anaconda", "org"),
    )
]
OF_THIS_MACHINE = re.compile(
    r"(?<![\w.-])/(?:root|work|home/[a-z]\w*|Users/\w+|opt/(?:pypi|wheels))/[\w.]|"
    r"--(?:extra-)?index-url[ =]\S"
)


def test_no_file_names_a_registry_or_this_machine() -> None:
    """Where packages come from is the machine's own matter; so are its folders."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed_text()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if any(host in line for host in HOSTS) or OF_THIS_MACHINE.search(line)
    ]
    assert not wrong
