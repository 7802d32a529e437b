"""Roles in their order, and what a principal may do where."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.access import EVERYWHERE, Principal, Role
from iryo.errors import AccessDenied

ORDER = [Role.RESEARCHER, Role.READER, Role.WRITER, Role.ADMIN]


@pytest.mark.parametrize(("one", "other"), list(product(ORDER, ORDER)))
def test_roles_are_ordered_by_what_they_may_do(one: Role, other: Role) -> None:
    first, second = ORDER.index(one), ORDER.index(other)
    assert (one < other) == (first < second)
    assert (one <= other) == (first <= second)
    assert (one > other) == (first > second)
    assert (one >= other) == (first >= second)
    assert max(one, other) == ORDER[max(first, second)]


def test_role_is_not_ordered_against_another_text() -> None:
    with pytest.raises(ValueError, match="owner"):
        assert Role.ADMIN > "owner"


@given(
    grants=st.dictionaries(st.sampled_from([EVERYWHERE, "a", "b"]), st.sampled_from(ORDER)),
    role=st.sampled_from(ORDER),
    scope=st.sampled_from([EVERYWHERE, "a", "b", "c"]),
)
def test_allows_is_the_best_of_here_and_everywhere(
    grants: dict[str, Role], role: Role, scope: str
) -> None:
    principal = Principal("IRYOX", "x", grants)
    held = [ORDER.index(grants[where]) for where in {scope, EVERYWHERE} if where in grants]
    expected = bool(held) and max(held) >= ORDER.index(role)
    assert principal.allows(role, scope) is expected
    if expected:
        principal.require(role, scope)
    else:
        with pytest.raises(AccessDenied, match=f"IRYOX has no role {role} in"):
            principal.require(role, scope)


def test_denial_names_the_scope() -> None:
    with pytest.raises(AccessDenied, match="in data store abc"):
        Principal("IRYOX", "x", {}).require(Role.READER, "abc")
    with pytest.raises(AccessDenied, match="in all data stores"):
        Principal("IRYOX", "x", {"abc": Role.ADMIN}).require(Role.READER, EVERYWHERE)
