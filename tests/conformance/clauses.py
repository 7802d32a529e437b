"""What PS3.18 and PS3.4 ask of a server, clause by clause: whether it is met, and by which tests.

docs/reference/conformance.md is made from this by scripts/conformance_clauses.py.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["CLAUSES", "Clause", "State"]


class State(StrEnum):
    """Whether a clause is met."""

    MET = "met"
    PARTLY = "partly"
    NOT = "not met"


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause, or one demand of it.

    Attributes:
        part: such as ``PS3.18``.
        number: of the clause.
        what: it asks.
        tests: the tests that show it, as ``path below tests::function``.
        state: whether it is met.
        note: what is missing, or what was chosen.
    """

    part: str
    number: str
    what: str
    tests: tuple[str, ...] = ()
    state: State = State.MET
    note: str = ""


_DOOR: Final = "imaging/dicomweb/test_door.py::"
_STOW: Final = "imaging/dicomweb/test_stow.py::"
_QIDO: Final = "imaging/dicomweb/test_qido.py::"
_ENGINE: Final = "imaging/service/query/test_engine.py::"
_CAPABILITIES: Final = "imaging/dicomweb/test_capabilities.py::"

CLAUSES: Final = (
    Clause(
        "PS3.18",
        "8.3.4",
        "attribute matching, fuzzymatching, includefield, limit and offset, Warning 299",
        (
            f"{_QIDO}test_keys_by_keyword_tag_and_path",
            f"{_QIDO}test_what_is_included",
            f"{_QIDO}test_more_than_may_be_given_is_said",
            f"{_QIDO}test_what_cannot_be_asked_is_named",
            f"{_ENGINE}test_names_are_found_by_beginnings_of_words",
        ),
        note="parameters that are no attribute are refused with 400, by name",
    ),
    Clause(
        "PS3.18",
        "8.5",
        "status codes: 400, 401, 403, 404, 405, 406, 409, 413, 415, 503",
        (
            f"{_DOOR}test_failures_have_their_status",
            f"{_DOOR}test_other_methods_are_named",
            f"{_STOW}test_requests_at_fault",
        ),
    ),
    Clause(
        "PS3.18",
        "8.9",
        "Retrieve Capabilities, as WADL and as JSON",
        (f"{_CAPABILITIES}test_every_route_is_told", f"{_CAPABILITIES}test_the_same_as_json"),
    ),
    Clause(
        "PS3.18",
        "10.5.1",
        "store of any study, and of the one that the path names",
        (
            f"{_STOW}test_dicomweb_client_stores",
            f"{_STOW}test_parts_at_fault_cost_nothing_but_themselves",
        ),
    ),
    Clause(
        "PS3.18",
        "10.5.2",
        "multipart/related of application/dicom, streamed",
        (f"{_STOW}test_all_of_a_request_is_one_version",),
    ),
    Clause(
        "PS3.18",
        "10.5.3",
        "the Store Instances Response: 200, 202, 409, failure reasons, warnings, Retrieve URL",
        (
            f"{_STOW}test_dicomweb_client_stores",
            f"{_STOW}test_parts_at_fault_cost_nothing_but_themselves",
            f"{_STOW}test_nothing_that_can_be_stored_is_a_conflict",
        ),
    ),
    Clause(
        "PS3.18",
        "10.6.1",
        "search for studies, series and instances, hierarchical and relational",
        (
            f"{_QIDO}test_a_client_of_others_searches_for_studies",
            f"{_QIDO}test_a_client_of_others_searches_for_series",
            f"{_QIDO}test_a_client_of_others_searches_for_instances",
        ),
    ),
    Clause(
        "PS3.18",
        "10.6.3",
        "status codes and returned attributes of tables 10.6.3-3 to 10.6.3-5",
        (
            f"{_ENGINE}test_what_answers_have",
            f"{_ENGINE}test_what_is_included",
            f"{_QIDO}test_nothing_is_an_empty_list",
            f"{_QIDO}test_forms",
        ),
        State.PARTLY,
        "application/dicom+json; not multipart/related of application/dicom+xml (406)",
    ),
)
