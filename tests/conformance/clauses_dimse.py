"""What PS3.4, PS3.7, PS3.8 and PS3.15 ask of DIMSE: the other half of `clauses.py`."""

from typing import Final

from tests.conformance.clauses import Clause, State

__all__ = ["DIMSE"]

_COMMAND: Final = "imaging/dimse/test_command.py::"
_ASSOCIATE: Final = "imaging/dimse/test_associate.py::"
_COMMIT: Final = "imaging/dimse/test_commitment.py::"
_ENGINE: Final = "imaging/service/query/test_engine.py::"
_FIND: Final = "imaging/dimse/test_finding.py::"
_HOSTILE: Final = "imaging/dimse/test_hostile.py::"
_MOMENTS: Final = "imaging/service/query/test_moments.py::"
_MATCHING: Final = "imaging/service/query/test_matching.py::"
_OFFER: Final = "imaging/dimse/test_offer.py::"
_CANCEL: Final = "imaging/dimse/test_cancelling.py::"
_GET: Final = "imaging/dimse/test_retrieving.py::"
_SCP: Final = "imaging/dimse/test_scp.py::"
_STORE: Final = "imaging/dimse/test_storing.py::"
_CLI: Final = "test_cli_dimse.py::"

DIMSE: Final = (
    Clause("PS3.4", "A", "Verification, as SCP", (f"{_SCP}test_echo",)),
    Clause(
        "PS3.4",
        "B.2",
        "Storage as SCP: Success when the instance is safe, else Axxx or Cxxx",
        (
            f"{_STORE}test_durable_before_success",
            f"{_STORE}test_lies_are_told_apart",
            f"{_STORE}test_the_class_is_that_of_the_context",
            f"{_STORE}test_too_large",
            f"{_STORE}test_dropped_in_the_middle",
        ),
        note="no warning Bxxx is given: what is coerced is told in the metadata",
    ),
    Clause(
        "PS3.4",
        "B.4.1",
        "level 2 (full): all attributes are kept, private ones too",
        (f"{_STORE}test_what_came_is_given_back",),
    ),
    Clause(
        "PS3.4",
        "B.5",
        "all standard storage SOP classes, retired ones, and others where a peer may",
        (
            f"{_OFFER}test_every_storage_class_that_pynetdicom_knows",
            f"{_STORE}test_any_class_for_who_may",
        ),
    ),
    Clause(
        "PS3.4",
        "C.2.2.1",
        "optional keys that are not known come back empty",
        (f"{_FIND}test_answers_have_what_was_asked_for_and_nothing_else",),
    ),
    Clause(
        "PS3.4",
        "C.2.2.2",
        "single value, list of UIDs, wild card, range, sequence and universal matching",
        (f"{_FIND}test_each_root_and_level", f"{_FIND}test_findscu"),
    ),
    Clause(
        "PS3.4",
        "C.2.2.2.1",
        "single values; names of persons whatever their case, width and kana",
        (
            f"{_ENGINE}test_studies",
            f"{_ENGINE}test_series",
            f"{_MATCHING}test_names",
            f"{_MATCHING}test_numbers_by_their_value",
        ),
    ),
    Clause(
        "PS3.4",
        "C.2.2.2.2",
        "lists of UIDs",
        (
            f"{_ENGINE}test_studies",
            f"{_ENGINE}test_instances",
        ),
    ),
    Clause(
        "PS3.4",
        "C.2.2.2.3",
        "universal matching",
        (f"{_ENGINE}test_studies",),
    ),
    Clause(
        "PS3.4",
        "C.2.2.2.4",
        "wild cards",
        (
            f"{_ENGINE}test_studies",
            f"{_MATCHING}test_wild_cards",
        ),
    ),
    Clause(
        "PS3.4",
        "C.2.2.2.5",
        "ranges of dates, times and both, combined where that is agreed",
        (
            f"{_MATCHING}test_ranges_of_dates",
            f"{_MATCHING}test_ranges_of_times",
            f"{_MATCHING}test_moments",
            f"{_MOMENTS}test_ranges_are_of_moments_whatever_their_offsets",
            f"{_ENGINE}test_date_and_time_are_one_range_where_that_is_agreed",
        ),
        note="where only one side says its offset from UTC, what the clocks showed is compared",
    ),
    Clause(
        "PS3.4",
        "C.2.2.2.6",
        "sequences: one item matches all keys",
        (
            f"{_ENGINE}test_series",
            f"{_MATCHING}test_items_must_match_whole",
        ),
    ),
    Clause(
        "PS3.4",
        "C.4.1",
        "C-FIND: pending answers, Specific Character Set, Retrieve AE Title, A700, A900, FE00",
        (
            f"{_FIND}test_each_root_and_level",
            f"{_FIND}test_a_character_set_is_kept_where_it_holds_the_text",
            f"{_FIND}test_questions_that_are_none",
            f"{_FIND}test_too_many",
            f"{_FIND}test_cancel",
            f"{_FIND}test_the_app_of_pynetdicom",
        ),
    ),
    Clause(
        "PS3.4",
        "C.4.2",
        "C-MOVE: sub-operations counted, destination unknown, failed list, cancelled",
        (
            f"{_GET}test_move",
            f"{_GET}test_move_to_nobody",
            f"{_GET}test_move_to_who_takes_some",
            f"{_CANCEL}test_move",
        ),
    ),
    Clause(
        "PS3.4",
        "C.4.3",
        "C-GET: over the same association, transcoded where that must be, cancelled",
        (
            f"{_GET}test_get_at_each_level",
            f"{_GET}test_get_all_of_a_patient",
            f"{_GET}test_get_as_it_is_stored",
            f"{_GET}test_get_in_no_form_that_can_be_given",
            f"{_GET}test_get_is_cancelled",
            f"{_CANCEL}test_get",
        ),
    ),
    Clause(
        "PS3.4",
        "C.5",
        "extended negotiation: relational queries and retrieval, date and time, fuzzy names",
        (
            f"{_FIND}test_what_is_agreed_on",
            f"{_FIND}test_fuzzy_where_negotiated",
            f"{_GET}test_relational_retrieval_where_negotiated",
        ),
        State.PARTLY,
        "DA and TM are not adjusted to the time zone of the query (byte 4 is answered 0), no "
        "enhanced multi-frame view (byte 5 is answered 0)",
    ),
    Clause(
        "PS3.4",
        "C.6",
        "patient root and study root, patient/study only (retired)",
        (f"{_FIND}test_each_root_and_level", f"{_GET}test_get_of_what_is_not_there"),
    ),
    Clause(
        "PS3.4",
        "J",
        "Storage Commitment Push Model as SCP: N-ACTION, N-EVENT-REPORT over either association",
        (
            f"{_COMMIT}test_over_the_same_association",
            f"{_COMMIT}test_what_is_not_here_is_told",
            f"{_COMMIT}test_over_another_association_when_the_peer_is_there",
            f"{_COMMIT}test_refusals",
        ),
    ),
    Clause(
        "PS3.4",
        "B, C (SCU)",
        "Storage, Query and Retrieve as SCU, with dcmtk's archive as the SCP",
        (
            f"{_CLI}test_files_are_sent_and_found",
            f"{_CLI}test_what_is_stored_is_sent",
            f"{_CLI}test_what_is_found_is_retrieved",
        ),
    ),
    Clause(
        "PS3.7",
        "6.3, E",
        "command sets, as pydicom and pynetdicom read and write them",
        (
            f"{_COMMAND}test_what_is_written_is_read",
            f"{_COMMAND}test_what_pynetdicom_writes_is_read",
        ),
    ),
    Clause(
        "PS3.7",
        "D.3.3",
        "maximum length, implementation, role selection, extended negotiation",
        (
            f"{_ASSOCIATE}test_requests_of_pynetdicom",
            f"{_ASSOCIATE}test_accepts",
            f"{_OFFER}test_roles_are_what_may_be",
        ),
        State.PARTLY,
        "one operation at a time: the asynchronous window is not negotiated; no user identity",
    ),
    Clause(
        "PS3.8",
        "7.1, 9.3.4",
        "who is rejected, and the words for it: calling, called, local limit",
        (
            f"{_SCP}test_strangers_are_rejected",
            f"{_SCP}test_two_hundred_at_once_and_a_limit",
        ),
    ),
    Clause(
        "PS3.8",
        "9.2",
        "ARTIM, unexpected and invalid PDUs: A-ABORT",
        (
            f"{_SCP}test_a_peer_that_says_nothing_is_let_go",
            f"{_SCP}test_garbage_is_aborted",
            f"{_HOSTILE}test_mutated_sessions",
        ),
    ),
    Clause(
        "PS3.8",
        "9.3.2.2, 9.3.3.2",
        "presentation contexts: results 0 to 4",
        (f"{_SCP}test_what_is_not_offered_is_not_granted", f"{_OFFER}test_every_transfer_syntax"),
    ),
    Clause(
        "PS3.15",
        "B",
        "TLS 1.2 or newer, certificates on both sides",
        (f"{_SCP}test_tls_and_a_new_process_for_one_that_was_killed",),
    ),
)
