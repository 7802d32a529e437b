"""Our table E.1-1 beside the one that dicom-anonymizer has typed."""

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as typed

from iryo.dicom.deidentify import rules

ACTIONS = {
    "D": typed.D_TAGS,
    "Z": typed.Z_TAGS,
    "X": typed.X_TAGS,
    "U": typed.U_TAGS,
    "Z/D": typed.Z_D_TAGS,
    "X/Z": typed.X_Z_TAGS,
    "X/D": typed.X_D_TAGS,
    "X/Z/D": typed.X_Z_D_TAGS,
    "X/Z/U*": typed.X_Z_U_STAR_TAGS,
}


def pattern(tag: tuple[int, ...]) -> str:
    if len(tag) == 2:
        return f"{tag[0]:04X}{tag[1]:04X}"
    return "50xxxxxx" if tag[0] == 0x5000 else f"60xx{tag[1]:04X}"


def test_the_basic_profile_is_the_same() -> None:
    theirs = {pattern(tag): action for action, tags in ACTIONS.items() for tag in tags}
    assert {name: rule.basic for name, rule in rules().items()} == theirs


def test_options_keep_or_clean() -> None:
    assert {action for rule in rules().values() for action in rule.options.values()} == {"K", "C"}
    assert list(rules()) == sorted(rules())
