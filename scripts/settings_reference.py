"""Write docs/reference/settings.md from the table in iryo.settings.

    python scripts/settings_reference.py

`tests/test_settings.py` fails when the page is not what this writes.
"""

from pathlib import Path

from iryo.settings import SETTINGS, Setting

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "settings.md"

HEAD = """\
# Settings

<!-- Written by scripts/settings_reference.py; change src/iryo/settings/table.py instead. -->

A value comes from the first of these that gives one: a flag, an environment variable, a TOML file,
the default. The TOML file is the one given with `--config` or in `IRYO_CONFIG`, or else `iryo.toml`
in the home folder. An unknown name or a wrong value stops the start with a message that says where
it was found and what was expected. [Configure iryo](../how-to/configure.md) shows it at work.

| name | environment | type | default |
| --- | --- | --- | --- |
"""


def cell(setting: Setting) -> str:
    """The default as one would write it."""
    if setting.default is None:
        return "not set"
    if not setting.default:
        return "empty"
    return "`" + setting.default.replace("{home_url}", "file://{home}") + "`"


def render() -> str:
    """The whole page."""
    rows = [
        f"| [`{one.name}`](#{one.name}) | `{one.variable}` | {one.type} | {cell(one)} |\n"
        for one in SETTINGS
    ]
    parts = [
        f"\n## `{one.name}` {{ #{one.name} }}\n\n{one.help}\n\n"
        f"Flag `{one.flag}`, environment `{one.variable}`, in the file `{one.name} = ...`. "
        f"Expected: {one.kind.expected}. Default: {cell(one)}.\n"
        for one in SETTINGS
    ]
    return HEAD + "".join(rows) + "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
