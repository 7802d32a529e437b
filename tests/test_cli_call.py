"""`iryo call`: the table of operations without a server, in AWS's words."""

import base64
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iryo.cli.operations import described, find, printable, read_input
from iryo.errors import InvalidInput
from iryo.imaging.aws import OPERATIONS
from tests.imaging.site import make_instance
from tests.program import Program

SERVICE = "medical-imaging"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program, set up, with one image set."""
    made = Program(tmp_path_factory.mktemp("call") / "home")
    made.says("init")
    folder = tmp_path_factory.mktemp("dicom")
    made.says("import", make_instance(folder / "one.dcm", sop="1.2.3.1.1"))
    return made


@pytest.fixture
def store(program: Program) -> str:
    """The id of the data store."""
    return str(program.lines("datastores", "list")[0]["datastoreId"])


def call(program: Program, *words: str | Path) -> Any:
    return program.json("call", SERVICE, *words)


def test_operations_are_listed(program: Program) -> None:
    assert program.says("call", SERVICE).split() == sorted(OPERATIONS)
    assert program.json("call", SERVICE) == sorted(OPERATIONS)


@pytest.mark.parametrize("name", ["GetDatastore", "get-datastore", "get_datastore", "getdatastore"])
def test_an_operation_is_called_in_any_spelling(program: Program, store: str, name: str) -> None:
    found = call(program, name, f"datastoreId={store}")["datastoreProperties"]
    assert found["datastoreName"] == "main"
    assert found["createdAt"].endswith("+00:00")
    assert "kmsKeyArn" not in found


def test_the_output_is_json_for_people_as_well(program: Program) -> None:
    shown = json.loads(program.says("call", SERVICE, "ListDatastores"))
    assert shown == call(program, "ListDatastores")


def test_input_comes_as_json_or_by_member(program: Program, store: str, tmp_path: Path) -> None:
    criteria = {"filters": [{"values": [{"DICOMPatientId": "P1"}], "operator": "EQUAL"}]}
    whole = {"datastoreId": store, "searchCriteria": criteria}
    (tmp_path / "input.json").write_text(json.dumps(whole))
    answers = [
        call(program, "SearchImageSets", "--json-input", json.dumps(whole)),
        call(program, "SearchImageSets", "--json-input", f"@{tmp_path / 'input.json'}"),
        call(program, "SearchImageSets", f"datastoreId={store}",
             f"searchCriteria={json.dumps(criteria)}", "maxResults=1"),
    ]  # fmt: skip
    for answer in answers:
        assert len(answer["imageSetsMetadataSummaries"]) == 1


def test_instants_are_written_as_people_write_them(program: Program, store: str) -> None:
    def found(low: str, high: str) -> int:
        values = [{"createdAt": low}, {"createdAt": high}]
        criteria = {"filters": [{"values": values, "operator": "BETWEEN"}]}
        given = json.dumps({"datastoreId": store, "searchCriteria": criteria})
        answer = call(program, "SearchImageSets", "--json-input", given)
        return len(answer["imageSetsMetadataSummaries"])

    assert found("2001-01-01", "2100-01-01T00:00:00Z") == 1
    assert found("2001-01-01", "2001-01-02") == 0


def test_tokens_are_made_as_boto3_makes_them(program: Program) -> None:
    made = call(program, "CreateDatastore", "datastoreName=called")
    assert len(made["datastoreId"]) == 32
    call(program, "DeleteDatastore", f"datastoreId={made['datastoreId']}")


def test_bytes_go_to_a_file_or_to_standard_output(
    program: Program, store: str, tmp_path: Path
) -> None:
    image_set = program.says("search", "--quiet").strip()
    words = ("GetImageSetMetadata", f"datastoreId={store}", f"imageSetId={image_set}")
    answer = call(program, *words, "--output", tmp_path / "metadata.gz")
    assert answer == {"contentType": "application/json", "contentEncoding": "gzip"}
    document = json.loads(gzip.decompress((tmp_path / "metadata.gz").read_bytes()))
    assert document["ImageSetID"] == image_set
    ran = subprocess.run(
        [sys.executable, "-m", "iryo", "call", SERVICE, *words, "-o", "-"],
        env=program.environment,
        capture_output=True,
        check=True,
    )
    assert ran.stdout == (tmp_path / "metadata.gz").read_bytes()
    refused = program.here("call", SERVICE, *words)
    assert refused.exit_code == 2
    assert "-o FILE" in refused.stderr
    assert program.here("call", SERVICE, *words, "-o", tmp_path / "no" / "x").exit_code == 1


def test_blobs_within_json_are_base64(program: Program, store: str) -> None:
    offered = find(SERVICE, "UpdateImageSetMetadata")
    edit = {"SchemaVersion": "1.1", "Study": {"DICOM": {"StudyDescription": "called"}}}
    blob = base64.b64encode(json.dumps(edit).encode()).decode()
    image_set = program.says("search", "--quiet").strip()
    answer = call(program, offered.name, f"datastoreId={store}", f"imageSetId={image_set}",
                  "latestVersionId=1", "updateImageSetMetadataUpdates="
                  + json.dumps({"DICOMUpdates": {"updatableAttributes": blob}}))  # fmt: skip
    assert answer["imageSetState"] == "LOCKED"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["GetDatastore", "datastoreId=" + "0" * 32], "ResourceNotFoundException"),
        (["GetDatastore", "datastoreId=?"], "ValidationException"),
        (["GetDatastore"], "ValidationException"),
        (["ListDatastores", 'maxResults="x"'], "SerializationException"),
        (["ListDatastores", "nextToken=forged"], "ValidationException"),
    ],
)
def test_refusals_have_awss_code_and_exit_code_1(
    program: Program, words: list[str], code: str
) -> None:
    result = program.here("call", SERVICE, *words)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"iryo: {code}: ")
    result = program.here("call", SERVICE, *words, "--json")
    assert json.loads(result.stderr)["error"]["kind"] == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["medical-imagine", "ListDatastores"], "did you mean medical-imaging?"),
        (["s3", "ListBuckets"], "there are: medical-imaging"),
        ([SERVICE, "GetDatastor"], "did you mean GetDatastore"),
        ([SERVICE, "zzz"], "lists them"),
        ([SERVICE, "GetDatastore", "datastoreld=x"], "did you mean datastoreId?"),
        ([SERVICE, "GetDatastore", "zzz=x"], "it takes: datastoreId"),
        ([SERVICE, "GetDatastore", "x"], "MEMBER=VALUE"),
        ([SERVICE, "ListDatastores", "maxResults=ten"], "a JSON integer expected"),
        ([SERVICE, "ListDatastores", "--json-input", "{"], "no JSON"),
        ([SERVICE, "ListDatastores", "--json-input", "[]"], "object expected"),
        ([SERVICE, "ListDatastores", "--json-input", "@nowhere"], "cannot read nowhere"),
        ([SERVICE, "ListDatastores", "--json-input", '{"no": 1}'], "has no member 'no'"),
    ],
)
def test_what_is_mistyped_is_refused_with_help(
    program: Program, words: list[str], said: str
) -> None:
    result = program.here("call", *words)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_is_described(name: str) -> None:
    text = described(find(SERVICE, name))
    assert "Input:" in text
    assert "Output:" in text
    assert "<" not in text


def test_describe_is_for_the_terminal(program: Program) -> None:
    text = program.says("call", SERVICE, "create-datastore", "--describe")
    assert "HTJ2K|JPEG_2000_LOSSLESS" in text
    assert "clientToken  string, required" in text
    assert "{string: string}" in text


def test_members_are_read_by_their_type(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"\0\xff")
    offered = find(SERVICE, "TagResource")
    assert read_input(offered, None, ["resourceArn=a=b", 'tags={"x": "y"}']) == {
        "resourceArn": "a=b",
        "tags": {"x": "y"},
    }
    with pytest.raises(InvalidInput):
        read_input(offered, None, ["tags=x"])


def test_bytes_are_printable() -> None:
    assert printable({"a": b"\0", "b": None, "c": (1, 2)}) == {"a": "AA==", "c": [1, 2]}


def test_calls_are_audited_as_the_servers_are(program: Program, store: str) -> None:
    call(program, "GetDatastore", f"datastoreId={store}")
    event = program.lines("audit", "--action", f"{SERVICE}:GetDatastore")[-1]
    assert event["scope"] == store
    assert event["actor"].startswith("cli:")
    assert event["outcome"] == "allowed"
