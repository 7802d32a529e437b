"""Public names are deliberate: what a package's __init__ binds is what its __all__ says."""

import importlib
import importlib.metadata
import pkgutil
import types

import pytest

import iryo

PACKAGES = ["iryo"] + [
    module.name
    for module in pkgutil.walk_packages(iryo.__path__, "iryo.")
    if module.ispkg and ".migrations" not in module.name
]


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_what_is_bound(name: str) -> None:
    package = importlib.import_module(name)
    bound = {
        key
        for key, value in vars(package).items()
        if not key.startswith("_") and not isinstance(value, types.ModuleType)
    }
    said = set(package.__all__) if hasattr(package, "__all__") else set()
    assert said - {"__version__"} == bound


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
