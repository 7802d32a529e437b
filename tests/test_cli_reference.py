"""The page about the program is made from the program."""

from iryo.cli import app
from scripts.make_cli_reference import PAGE, reference


def test_the_page_is_what_the_program_says() -> None:
    made = reference(app)
    assert PAGE.read_text(encoding="utf-8") == made, "run scripts/make_cli_reference.py"


def test_every_option_is_explained() -> None:
    for line in reference(app).splitlines():
        if line.startswith("| `"):
            assert not line.endswith("|  |"), line
