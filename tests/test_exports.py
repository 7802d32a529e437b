"""Public names are deliberate: what a package's __init__ binds is what its __all__ says."""

import ast
import importlib
import importlib.metadata
import pkgutil
import types
from pathlib import Path

import pytest

import iryo

PACKAGES = ["iryo"] + [
    module.name
    for module in pkgutil.walk_packages(iryo.__path__, "iryo.")
    if module.ispkg and ".migrations" not in module.name
]


def is_facade(package: types.ModuleType) -> bool:
    """Whether an __init__ only gathers names; the program's is code, and imports what it uses."""
    assert package.__file__
    body = ast.parse(Path(package.__file__).read_text()).body
    return not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_what_is_bound(name: str) -> None:
    package = importlib.import_module(name)
    facade = is_facade(package)
    bound = {
        key
        for key, value in vars(package).items()
        if not key.startswith("_")
        and not isinstance(value, types.ModuleType)
        and (facade or getattr(value, "__module__", None) == name)
    }
    said = set(package.__all__) if hasattr(package, "__all__") else set()
    assert bound <= said, "bound, and not said"
    assert all(hasattr(package, key) for key in said), "said, and not bound"


@pytest.mark.parametrize("name", PACKAGES)
def test_all_names_each_once(name: str) -> None:
    said = list(getattr(importlib.import_module(name), "__all__", ()))
    assert len(said) == len(set(said))


@pytest.mark.parametrize("name", [name for name in PACKAGES if name.count(".") == 1])
def test_one_thing_has_one_name(name: str) -> None:
    """No aliases: two public names of a package are never the same function or class."""
    package = importlib.import_module(name)
    values = [getattr(package, key) for key in getattr(package, "__all__", ())]
    things = [value for value in values if isinstance(value, type | types.FunctionType)]
    assert len(things) == len({id(thing) for thing in things})


def test_version_is_one() -> None:
    """The distribution and the package say the same version."""
    assert importlib.metadata.version("iryo") == iryo.__version__
