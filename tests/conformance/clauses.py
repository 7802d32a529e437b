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
_STOW_JSON: Final = "imaging/dicomweb/test_stow_json.py::"
_XML: Final = "imaging/dicomweb/test_xml.py::"
_NATIVE: Final = "dicom/test_native_xml.py::"
_FROM_NATIVE: Final = "dicom/test_from_native_xml.py::"
_QIDO: Final = "imaging/dicomweb/test_qido.py::"
_ENGINE: Final = "imaging/service/query/test_engine.py::"
_WADO: Final = "imaging/dicomweb/test_wado.py::"
_METADATA: Final = "imaging/dicomweb/test_wado_metadata.py::"
_BULK: Final = "imaging/dicomweb/test_wado_bulk.py::"
_RENDERED: Final = "imaging/dicomweb/test_wado_rendered.py::"
_ACCEPT: Final = "wire/test_accept.py::"
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
        "8.7",
        "media types and transfer syntaxes by Accept, accept= and q; 406 with what can be given",
        (
            f"{_ACCEPT}test_what_is_chosen",
            f"{_ACCEPT}test_nothing_satisfies",
            f"{_ACCEPT}test_the_query_goes_before_the_header",
            f"{_WADO}test_frames_as_stored_for_viewers",
            f"{_WADO}test_frames_transcoded",
            f"{_RENDERED}test_a_gif_moves",
        ),
        state=State.PARTLY,
        note="rendered media types are those of images: no video, which is optional, and no text:"
        " reports are not rendered",
    ),
    Clause(
        "PS3.18",
        "8.9",
        "Retrieve Capabilities, as WADL and as JSON",
        (f"{_CAPABILITIES}test_every_route_is_told", f"{_CAPABILITIES}test_the_same_as_json"),
    ),
    Clause(
        "PS3.18",
        "9.4",
        "WADO-URI: an instance as application/dicom, transferSyntax",
        (f"{_RENDERED}test_a_file_by_uri", f"{_RENDERED}test_refusals_by_uri"),
        state=State.PARTLY,
        note="anonymize is refused with 400",
    ),
    Clause(
        "PS3.18",
        "9.5",
        "WADO-URI: a picture with window, size, region, quality, frameNumber",
        (f"{_RENDERED}test_a_picture_by_uri", f"{_RENDERED}test_refusals_by_uri"),
        state=State.PARTLY,
        note="presentation states are refused with 400; annotation changes nothing",
    ),
    Clause(
        "PS3.18",
        "10.4.1.1.1",
        "Retrieve Study, Series and Instance as application/dicom parts; zip",
        (
            f"{_WADO}test_an_instance_comes_back_as_it_was",
            f"{_WADO}test_a_study_and_a_series",
            f"{_WADO}test_a_zip_archive",
            f"{_WADO}test_the_checker_of_others_finds_nothing_new",
        ),
    ),
    Clause(
        "PS3.18",
        "10.4.1.1.2",
        "Retrieve Metadata of studies, series and instances as application/dicom+json, and as parts"
        " of application/dicom+xml",
        (
            f"{_METADATA}test_pydicom_reads_what_was_in_the_file",
            f"{_METADATA}test_every_level",
            f"{_METADATA}test_edits_are_in_it",
            f"{_METADATA}test_as_xml_too",
            f"{_XML}test_xml_says_what_json_says",
            "dicom/test_native_xml.py::test_as_dcmtk_writes_it",
        ),
    ),
    Clause(
        "PS3.18",
        "10.4.1.1.3",
        "Retrieve Rendered study, series, instance and frames: window, viewport, quality (8.3.5)",
        (
            f"{_RENDERED}test_dicomweb_client_takes_pictures",
            f"{_RENDERED}test_a_window_as_the_standard_says",
            f"{_RENDERED}test_a_viewport_is_filled_as_far_as_the_ratio_allows",
            f"{_RENDERED}test_a_region_and_its_mirror_images",
            f"{_RENDERED}test_frames_of_many",
            f"{_RENDERED}test_parameters_that_cannot_be",
        ),
        state=State.PARTLY,
        note="annotation and iccprofile are taken, change nothing, and Warning 299 says so; "
        "presentation states are not rendered",
    ),
    Clause(
        "PS3.18",
        "10.4.1.1.4",
        "Retrieve Thumbnail at each level",
        (f"{_RENDERED}test_thumbnails", f"{_RENDERED}test_studies_and_series"),
    ),
    Clause(
        "PS3.18",
        "10.4.1.1.5",
        "Retrieve Bulkdata: by a BulkDataURI; all of a study, series or instance",
        (
            f"{_METADATA}test_bulk_data",
            f"{_METADATA}test_a_value_of_a_file",
            f"{_BULK}test_all_bulkdata",
        ),
    ),
    Clause(
        "PS3.18",
        "10.4.1.1.6",
        "Retrieve Pixel Data of a study, series or instance, and of frames: lists of them, as"
        " stored or in Explicit VR Little Endian; byte ranges",
        (
            f"{_BULK}test_pixel_data_of_a_study_and_a_series",
            f"{_BULK}test_pixel_data_of_many_frames",
            f"{_WADO}test_frames_uncompressed",
            f"{_WADO}test_a_list_of_frames",
            f"{_WADO}test_a_part_of_a_frame",
            f"{_WADO}test_a_viewer_sees_something_after_the_first_kilobytes",
        ),
    ),
    Clause(
        "PS3.18",
        "10.4.4",
        "status codes 200, 206, 304, 400, 404, 406, 416; ETag, If-None-Match",
        (
            f"{_WADO}test_refusals",
            f"{_WADO}test_what_the_client_has_is_not_sent_again",
            f"{_METADATA}test_forms_and_caching",
        ),
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
        "files, streamed; and metadata as JSON or XML with bulk data in parts of their own",
        (
            f"{_STOW}test_all_of_a_request_is_one_version",
            f"{_STOW_JSON}test_metadata_and_uncompressed_pixels",
            f"{_STOW_JSON}test_compressed_pixels_say_their_syntax",
            f"{_XML}test_metadata_in_xml_is_stored_with_its_bulk_data",
            f"{_XML}test_what_dcm2xml_writes_is_stored",
        ),
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
            f"{_QIDO}test_as_xml_too",
        ),
    ),
    Clause(
        "PS3.19",
        "A.1",
        "the Native DICOM Model, as dcmtk's dcm2xml writes it, and back to files",
        (
            f"{_NATIVE}test_as_dcmtk_writes_it",
            f"{_FROM_NATIVE}test_the_same_as_dcm2xml",
            f"{_FROM_NATIVE}test_a_file_from_xml_is_one_from_json",
            f"{_FROM_NATIVE}test_what_is_written_comes_back",
            f"{_FROM_NATIVE}test_what_is_no_such_model",
        ),
        note="bulk data by uri or inline; a uuid is refused",
    ),
)
