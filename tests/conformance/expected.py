"""The one table of real files that are not simply taken, each with its reason.

tests/conformance/test_known_files.py holds it against what happens: a file that is not listed must
work, and a listed one must do what its row says. docs/reference/known-files.md prints it.
"""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from tests.conformance.corpus import RealFile


class Kind(StrEnum):
    """What is not as with other files; the values are the headings of the page."""

    REFUSED = "Refused"
    VALUES = "With values that pydicom does not read"
    ORACLE = "Held against another reader"
    HTJ2K = "Not exported as HTJ2K"


@dataclass(frozen=True)
class Row:
    """Files and what is not as with others.

    Attributes:
        files: names as `RealFile.name` has them, with `*`.
        kind: what it is about.
        what: REFUSED: the exceptionType in failure.ndjson. VALUES: the keywords. ORACLE:
            `dcmtk`, or the name of the file with the same content that pydicom reads.
        reason: one sentence.
    """

    files: tuple[str, ...]
    kind: Kind
    what: str
    reason: str


_WHEEL = "pydicom/test_files/"
_REPO = "shared/pydicom-data-repo/data_store/data/"
_CORNERSTONE = "shared/cornerstone3D/packages/dicomImageLoader/testImages/"
_HIGHDICOM = "shared/highdicom/data/test_files/"

TABLE: tuple[Row, ...] = (
    # ------------------------------------------------------------------------------ refused
    Row(
        (
            "*/FileInfo.txt",
            "*/LICENSE",
            "*/README",
            "*/README.md",
            "*/README.txt",
            "*.dump",
            "*.icc",
            "*.j2c",
            "*.jpeg",
            "*.json",
            _WHEEL + "zipMR.gz",
            _CORNERSTONE + "wadors/*",
        ),
        Kind.REFUSED,
        "NotDicom",
        "Texts, bare codestreams, JSON, a gzip stream: no DICOM files.",
    ),
    Row(
        (_WHEEL + "no_meta.dcm",),
        Kind.REFUSED,
        "NotDicom",
        "A stray byte stands before a data set without preamble and group 2; pydicom reads one "
        "element of 38,863 bytes of it. Nothing says where the data set would begin.",
    ),
    Row(
        (
            _WHEEL + "dicomdirtests/DICOMDIR",
            _WHEEL + "dicomdirtests/DICOMDIR-bigEnd",
            _WHEEL + "dicomdirtests/DICOMDIR-empty.dcm",
            _WHEEL + "dicomdirtests/DICOMDIR-implicit",
            _WHEEL + "dicomdirtests/DICOMDIR-nopatient",
            _WHEEL + "dicomdirtests/DICOMDIR-reordered",
            _WHEEL + "dicomdirtests/TINY_ALPHA/DICOMDIR",
        ),
        Kind.REFUSED,
        "Directory",
        "A DICOMDIR is the table of contents of a medium, of many patients at once. The files that "
        "it names are imported; it belongs to no series.",
    ),
    Row(
        (_WHEEL + "dicomdirtests/DICOMDIR-nooffset",),
        Kind.REFUSED,
        "Truncated",
        "A DICOMDIR, and its last record breaks off.",
    ),
    Row(
        (_WHEEL + "MR_truncated.dcm",),
        Kind.REFUSED,
        "Truncated",
        "The file ends 62 bytes before its pixel data does: the last pixels of the image are lost, "
        "and pydicom does not decode it. Whoever sent it must know.",
    ),
    Row(
        (_WHEEL + "rtplan_truncated.dcm",),
        Kind.REFUSED,
        "Truncated",
        "A treatment plan that breaks off within its beams. pydicom shows the beams that are "
        "there; a store that took it would show a plan that nobody made.",
    ),
    Row(
        (_WHEEL + "JPEG2000-embedded-sequence-delimiter.dcm",),
        Kind.REFUSED,
        "SizeMismatch",
        "The bytes of a sequence delimiter were written over the image size in the codestream: "
        "1,024 x 3,722,445,056 pixels. pydicom reads the header and decodes no pixel.",
    ),
    Row(
        ("pydicom/palettes/*.dcm",),
        Kind.REFUSED,
        "MissingIdentifier",
        "Color palettes (PS3.3 A.58) belong to no patient, study or series; an image set is "
        "a series.",
    ),
    Row(
        (
            "pydicom/charset_files/chrSQEncoding.dcm",
            "pydicom/charset_files/chrSQEncoding1.dcm",
            _WHEEL + "JPEGLSNearLossless_08.dcm",
            _WHEEL + "JPEGLSNearLossless_16.dcm",
            _WHEEL + "SC_rgb_jls_lossy_line.dcm",
            _WHEEL + "SC_rgb_jls_lossy_sample.dcm",
            _WHEEL + "UN_sequence.dcm",
            _WHEEL + "empty_charset_LEI.dcm",
            _WHEEL + "meta_missing_tsyntax.dcm",
            _WHEEL + "nested_priv_SQ.dcm",
            _WHEEL + "no_meta_group_length.dcm",
            _WHEEL + "priv_SQ.dcm",
            _REPO + "HTJ2K_08_RGB.dcm",
            _REPO + "HTJ2KLossless_08_RGB.dcm",
            _REPO + "JLSL_08_07_0_1F.dcm",
            _REPO + "JLSL_16_15_1_1F.dcm",
            _REPO + "JLSL_RGB_ILV?.dcm",
            _REPO + "JLSN_RGB_ILV0.dcm",
        ),
        Kind.REFUSED,
        "MissingIdentifier",
        "Study, Series or SOP Instance UID is missing: pieces of files, made to test one thing. "
        "Nothing says what they belong to, and a UID that we made up would not be the one of the "
        "next copy. (tests/dicom reads and decodes them all the same.)",
    ),
    # ------------------------------------------------------------------------------ values
    Row(
        (_WHEEL + "badVR.dcm",),
        Kind.VALUES,
        "NumberOfFrames",
        "Number of Frames is `1A`: pydicom raises ValueError, the metadata has the text.",
    ),
    # ------------------------------------------------------------------------------ other oracles
    Row(
        (_WHEEL + "badVR.dcm",),
        Kind.ORACLE,
        _WHEEL + "rtdose.dcm",
        "pydicom decodes nothing, as it does not read Number of Frames. All 15 frames that are "
        "there are taken, with warning 0xB111.",
    ),
    Row(
        ("pydicom-data/emri_small_jpeg_2k_lossless_too_short.dcm",),
        Kind.ORACLE,
        "pydicom-data/emri_small_jpeg_2k_lossless.dcm",
        "The sequence delimiter at the end of the file is missing: pydicom gives an empty data "
        "set. All ten frames are there and are taken, with warning 0xB000.",
    ),
    Row(
        (_REPO + "liver_deflate.dcm", _REPO + "liver_rle.dcm"),
        Kind.ORACLE,
        "pydicom-data/liver.dcm",
        "pydicom has no decoder for samples of 1 bit in this syntax.",
    ),
    Row(
        (_REPO + "liver_nonbyte_aligned_deflate.dcm", _REPO + "liver_nonbyte_aligned_rle.dcm"),
        Kind.ORACLE,
        _REPO + "liver_nonbyte_aligned.dcm",
        "pydicom has no decoder for samples of 1 bit in this syntax.",
    ),
    Row(
        (
            _WHEEL + "JPEG-lossy.dcm",
            _WHEEL + "JPGExtended.dcm",
            _WHEEL + "SC_rgb_jpeg_gdcm.dcm",
            "pydicom-data/JPEG-LL.dcm",
            "pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm",
            "pydicom-data/bad_sequence.dcm",
            _CORNERSTONE + "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm",
            _CORNERSTONE + "CTImage.dcm_JPEGProcess*.4.5[1357].dcm",
            _CORNERSTONE + "CTImage.dcm_JPEGProcess*.4.70.dcm",
            _CORNERSTONE + "TestPattern_JPEG-Lossless_RGB.dcm",
            "shared/dcm_qa_ts/In/[56].dcm",
        ),
        Kind.ORACLE,
        "dcmtk",
        "JPEG of 12 bits, progressive or lossless: pydicom decodes it only with a plug-in under "
        "the GPL, which is not installed; dcmtk's dcmdjpeg is asked.",
    ),
    # ------------------------------------------------------------------------------ HTJ2K
    Row(
        (
            _WHEEL + "badVR.dcm",
            _WHEEL + "liver_*",
            _WHEEL + "rtdose*",
            _WHEEL + "SC_rgb_rle_32bit*",
            "pydicom-data/liver*",
            "pydicom-data/SC_rgb_32bit*",
            "pydicom-data/SC_rgb_expb_32bit*",
            _HIGHDICOM + "seg_image_cr_binary.dcm",
            _HIGHDICOM + "seg_image_ct_binary.dcm",
            _HIGHDICOM + "seg_image_ct_binary_overlap.dcm",
            _HIGHDICOM + "seg_image_ct_binary_single_frame.dcm",
            _HIGHDICOM + "seg_image_sm_control.dcm",
            _HIGHDICOM + "seg_image_sm_dots*",
            _HIGHDICOM + "seg_image_sm_numbers.dcm",
            _REPO + "liver_*",
            _REPO + "parametric_map_*",
        ),
        Kind.HTJ2K,
        "NotAcceptable",
        "Samples of 1 or 32 bits and floats: decoders of HTJ2K in browsers hold 8 to 16 bits. An "
        "export in HTJ2K is refused with that sentence; as it came or as Explicit VR Little Endian "
        "it is exact.",
    ),
)


def rows_of(file: RealFile) -> dict[Kind, Row]:
    """The rows that a file is in, one of each kind at most."""
    found: dict[Kind, Row] = {}
    for row in TABLE:
        if any(fnmatchcase(file.name, pattern) for pattern in row.files):
            assert row.kind not in found, f"{file.name} is twice under {row.kind}"
            found[row.kind] = row
    return found
