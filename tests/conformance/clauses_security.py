"""What PS3.15 asks of who sends audit messages and de-identifies, clause by clause."""

from typing import Final

from tests.conformance.clauses import Clause, State

__all__ = ["SECURITY"]

_MESSAGES: Final = "access/test_messages.py::"
_SESSIONS: Final = "access/test_sessions.py::"
_USERS: Final = "access/test_users.py::"
_FORWARD: Final = "access/test_forward.py::"
_SYSLOG: Final = "access/test_syslog.py::"
_SERVER: Final = "test_server_audit_messages.py::"
_ENGINE: Final = "dicom/deidentify/test_engine.py::"
_TABLE: Final = "dicom/deidentify/test_table.py::"
_EXPORT: Final = "imaging/test_cli_deidentify.py::"
_WADO: Final = "imaging/dicomweb/test_wado_deidentified.py::"

SECURITY: Final = (
    Clause(
        "PS3.15",
        "A.5.1",
        "audit messages follow the schema",
        (
            f"{_MESSAGES}test_each_action_becomes_a_message_of_the_schema",
            f"{_MESSAGES}test_no_text_breaks_the_message",
        ),
        note="the schema is a table in the tests: no validator of RELAX NG is installed",
    ),
    Clause(
        "PS3.15",
        "A.5.3",
        "each event has its message, with who did it, from where, to which study and patient",
        (
            f"{_MESSAGES}test_an_access_names_who_from_where_and_which_studies_of_whom",
            f"{_MESSAGES}test_who_sends_and_who_receives",
            f"{_MESSAGES}test_the_table_knows_every_action_of_the_code",
            f"{_SERVER}test_what_happened_while_the_collector_was_away_is_sent_when_it_is_back",
        ),
        State.PARTLY,
        "no Begin Transferring; the query of a Query message is empty; what happens at an OIDC "
        "provider is the provider's to tell",
    ),
    Clause(
        "PS3.15",
        "A.5.3.12",
        "who signs in and out, and who tries to, is told of as User Authentication",
        (
            f"{_MESSAGES}test_who_signs_in_and_out_is_told_of",
            f"{_SESSIONS}test_a_session_begins_is_known_and_ends",
            f"{_SESSIONS}test_it_is_locked_when_it_rests_and_goes_on_with_the_password",
            f"{_USERS}test_all_refusals_are_the_same",
        ),
        note="a locked session is told of as Logout, and an unlocked one as Login",
    ),
    Clause(
        "PS3.15",
        "A.6",
        "transmission by syslog over TLS",
        (
            f"{_SYSLOG}test_a_line_is_as_rfc_5424_has_it",
            f"{_SYSLOG}test_a_collector_that_is_not_who_it_says_gets_nothing",
            f"{_FORWARD}test_while_the_collector_is_away_all_waits",
            f"{_FORWARD}test_a_real_collector_over_tls_hears_start_and_stop_and_all_between",
        ),
    ),
    Clause(
        "PS3.15",
        "A.7",
        "transmission by syslog over UDP",
        (
            f"{_SYSLOG}test_what_is_sent_arrives_whole_and_in_order",
            f"{_FORWARD}test_a_patient_id_goes_only_where_nobody_reads_it_on_the_way",
        ),
        note="ids of patients are left out",
    ),
    Clause(
        "PS3.15",
        "E.1",
        "each attribute of table E.1-1 is treated as the Basic Profile says",
        (
            f"{_TABLE}test_the_basic_profile_is_the_same",
            f"{_ENGINE}test_nothing_of_what_the_table_names_survives",
            f"{_ENGINE}test_a_sequence_that_gets_a_dummy_keeps_nothing_of_its_items",
            f"{_EXPORT}test_dciodvfy_has_nothing_new_against_real_files",
        ),
    ),
    Clause(
        "PS3.15",
        "E.2",
        "UIDs are replaced consistently; what was done is said in the instance",
        (
            f"{_ENGINE}test_what_belongs_together_still_does",
            f"{_EXPORT}test_a_study_goes_out_whole_and_names_nobody",
            f"{_EXPORT}test_pseudonyms_follow_from_the_secret",
            f"{_WADO}test_a_researcher_gets_what_names_nobody",
        ),
    ),
    Clause(
        "PS3.15",
        "E.3.1, E.3.2",
        "Clean Pixel Data, Clean Recognizable Visual Features",
        (
            f"{_ENGINE}test_burned_in_text_is_told_of",
            f"{_EXPORT}test_burned_in_text_is_warned_of_or_refused",
        ),
        State.NOT,
        "images that may have text in their pixels are named, and can be refused",
    ),
    Clause(
        "PS3.15",
        "E.3.3",
        "Clean Graphics",
        (f"{_ENGINE}test_an_overlay_goes_as_a_whole",),
        note="overlays and curves go, of annotations the shapes stay",
    ),
    Clause(
        "PS3.15",
        "E.3.4",
        "Clean Structured Content",
        (f"{_ENGINE}test_structured_content_keeps_codes_and_numbers_and_no_text",),
    ),
    Clause(
        "PS3.15",
        "E.3.5",
        "Clean Descriptors",
        (f"{_ENGINE}test_descriptors_keep_words_that_name_nobody",),
    ),
    Clause(
        "PS3.15",
        "E.3.6 to E.3.9, E.3.11",
        "what is retained: dates, modified dates, patient, device, institution, UIDs",
        (
            f"{_ENGINE}test_an_option_keeps_what_it_says_and_no_name",
            f"{_EXPORT}test_options_and_the_mapping",
        ),
    ),
    Clause(
        "PS3.15",
        "E.3.10",
        "Retain Safe Private",
        (f"{_ENGINE}test_safe_private_attributes_stay_and_others_go",),
    ),
)
