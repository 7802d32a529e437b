"""Make src/iryo/dicom/data/dictionary.json and private.json from pydicom's dictionaries.

pydicom (MIT) makes its own from PS3.6 and, for private tags, from GDCM's (BSD) and its users'.
They become JSON here so that reading a file does not import pydicom, which takes a third of a
second. Run again after a new pydicom: `.venv/bin/python scripts/make_dictionary.py`.
"""

from pathlib import Path

import orjson
import pydicom
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries

DATA = Path(__file__).resolve().parent.parent / "src" / "iryo" / "dicom" / "data"


def write(name: str, content: dict[str, dict[str, object]]) -> None:
    """Write `content` as JSON with one entry a line, so that a diff can be read."""
    source = f"pydicom {pydicom.__version__}, scripts/make_dictionary.py"
    lines = [orjson.dumps({"source": source})[:-1].decode()]
    for key, entries in content.items():
        body = ",\n".join(
            f"{orjson.dumps(k).decode()}:{orjson.dumps(v).decode()}" for k, v in entries.items()
        )
        lines.append(f"{orjson.dumps(key).decode()}:{{\n{body}\n}}")
    (DATA / name).write_text(",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    """Write both."""
    tags: dict[str, object] = {
        f"{tag:08X}": [vr, vm, keyword]
        for tag, (vr, vm, _, _, keyword) in sorted(DicomDictionary.items())
        if vr != "NONE"
    }
    repeating: dict[str, object] = {
        mask: [vr, vm, kw] for mask, (vr, vm, _, _, kw) in RepeatersDictionary.items()
    }
    write("dictionary.json", {"tags": tags, "repeating": repeating})
    private: dict[str, object] = {
        creator: {mask: vr.replace("_", " or ") for mask, (vr, *_) in entries.items()}
        for creator, entries in private_dictionaries.items()
    }
    write("private.json", {"creators": private})


if __name__ == "__main__":
    main()
