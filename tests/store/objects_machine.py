"""Any sequence of calls on an object store does what it does to a dict."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from iryo.errors import Conflict, Damaged, NotFound
from iryo.store.objects import Objects

# No key is the beginning of another: what then happens is not promised.
KEYS = st.sampled_from(["a", "b/1", "b/2", "b/c/3", "b/c/d/4", "B.x/5", "-_/6"])
PIECES = st.binary(max_size=300)


class ObjectsMachine(RuleBasedStateMachine):
    """An object store beside the dict that it should be."""

    def __init__(self, objects: Objects) -> None:
        super().__init__()
        self.objects = objects
        self.model: dict[str, bytes] = {}

    @rule(key=KEYS, data=st.one_of(PIECES, st.lists(PIECES, max_size=5)))
    def put(self, key: str, data: bytes | list[bytes]) -> None:
        whole = data if isinstance(data, bytes) else b"".join(data)
        if key in self.model:
            with pytest.raises(Conflict):
                self.objects.put(key, data)
        else:
            assert self.objects.put(key, data) == len(whole)
            self.model[key] = whole

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        if key in self.model:
            assert self.objects.get(key) == self.model[key]
            assert self.objects.size(key) == len(self.model[key])
        else:
            with pytest.raises(NotFound):
                self.objects.get(key)

    @rule(key=KEYS, offset=st.integers(0, 400), length=st.integers(0, 400))
    def get_range(self, key: str, offset: int, length: int) -> None:
        if key not in self.model:
            with pytest.raises(NotFound):
                self.objects.get_range(key, offset, length)
        elif offset + length > len(self.model[key]):
            with pytest.raises(Damaged):
                self.objects.get_range(key, offset, length)
        else:
            expected = self.model[key][offset : offset + length]
            assert self.objects.get_range(key, offset, length) == expected

    @rule(keys=st.lists(KEYS, max_size=4))
    def delete(self, keys: list[str]) -> None:
        self.objects.delete(keys)
        for key in keys:
            self.model.pop(key, None)

    @rule(prefix=st.sampled_from(["", "b", "b/c", "b/c/d/", "B.x", "a", "zz"]))
    def list_below(self, prefix: str) -> None:
        below = f"{prefix.removesuffix('/')}/" if prefix else ""
        expected = {k: len(v) for k, v in self.model.items() if k.startswith(below)}
        assert {one.key: one.size for one in self.objects.list(prefix)} == expected

    @invariant()
    def nothing_else_is_there(self) -> None:
        assert {one.key for one in self.objects.list()} == set(self.model)

    def teardown(self) -> None:
        self.objects.delete(self.model)
