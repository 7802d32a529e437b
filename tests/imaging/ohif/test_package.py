"""The OHIF viewer: only what is built as we know it is installed, and whole or not at all."""

import gzip
import json
from pathlib import Path

import pytest

from iryo.errors import InvalidInput, NotFound, Unavailable
from iryo.imaging.ohif import Files, configuration, fetch, install, installed
from iryo.wire.http import Request
from tests.imaging.ohif.tarball import BUNDLE, contents, pack


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return pack(tmp_path / "ohif.tgz", contents())


def test_it_is_moved_below_its_mount(home: Path, package: Path) -> None:
    done = install(package, home)
    assert (done.version, done.folder) == ("3.12.0", home / "ohif")
    assert installed(home) == done
    page = (done.folder / "index.html").read_text()
    assert 'href="/ohif/assets/' in page
    assert "window.PUBLIC_URL = '/ohif/';" in page
    assert 'src="/ohif/app-config.js"' in page
    bundle = (done.folder / Path(BUNDLE).name).read_bytes()
    assert b'.p = "/ohif/";' in bundle
    assert b"'/ohif/dicom-microscopy-viewer/" in bundle
    assert b"url(/ohif/31fb93.woff2)" in (done.folder / "app.bundle.css").read_bytes()
    # The hash that browsers compute of the script as it stands in the page now.
    assert done.scripts == ("'sha256-JyHlLgHUW9jVjfyPMR4FGmKIGTPyRzi5srm1tNQTN+M='",)


def test_what_nobody_needs_is_left_out(home: Path, package: Path) -> None:
    folder = install(package, home).folder
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    bundle = Path(BUNDLE).name
    assert found == {
        "index.html", "app.bundle.css", "assets/favicon.ico", bundle, bundle + ".gz", "iryo.json",
    }  # fmt: skip
    assert [path.name for path in home.iterdir()] == ["ohif"]


def test_the_next_version_takes_its_place(home: Path, package: Path, tmp_path: Path) -> None:
    install(package, home)
    install(pack(tmp_path / "next.tgz", contents("3.12.1")), home)
    after = installed(home)
    assert after is not None
    assert after.version == "3.12.1"
    assert [path.name for path in home.iterdir()] == ["ohif"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"package/package.json": b'{"name": "left-pad", "version": "1.0.0"}'}, "left-pad"),
        ({"package/package.json": b"[]"}, "no name and version"),
        ({"package/dist/../../../escaped": b""}, "leads out of the package"),
        ({"package/dist/index.html": b"<html></html>"}, "not built as"),
        ({BUNDLE: b"nothing of webpack's"}, "not built as"),
        ({"package/dist/app.bundle.second.js": b""}, "no built viewer"),
    ],
)
def test_what_is_not_as_known_is_not_installed(
    files: dict[str, bytes], says: str, home: Path, package: Path, tmp_path: Path
) -> None:
    install(package, home)
    with pytest.raises(InvalidInput, match=says):
        install(pack(tmp_path / "odd.tgz", contents("3.13.0", **files)), home)
    before = installed(home)
    assert before is not None
    assert before.version == "3.12.0"
    assert [path.name for path in home.iterdir()] == ["ohif"]


def test_what_is_no_package(home: Path, tmp_path: Path, package: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        install(tmp_path / "away.tgz", home)
    (tmp_path / "odd.tgz").write_bytes(b"neither gzip nor tar")
    with pytest.raises(InvalidInput, match=r"no \.tgz package"):
        install(tmp_path / "odd.tgz", home)
    (tmp_path / "odd.tgz").write_bytes(package.read_bytes()[:200])
    with pytest.raises(InvalidInput, match=r"no \.tgz package"):
        install(tmp_path / "odd.tgz", home)
    assert installed(home) is None
    assert list(home.iterdir()) == []


def test_a_version_is_checked_before_npm_hears_it() -> None:
    with pytest.raises(InvalidInput, match="expected one such as"), fetch("latest --registry=x"):
        pass


def test_without_npm_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.imaging.ohif.package.shutil.which", lambda _: None)
    monkeypatch.setattr("iryo.imaging.ohif.package.importlib.util.find_spec", lambda _: None)
    with pytest.raises(Unavailable, match="iryo ohif --from FILE"), fetch("3.12.0"):
        pass


def test_what_npm_brings_is_compared_with_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An npm that packs something else under the name of the version that we know."""
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho other > ohif-app.tgz\n")
    npm.chmod(0o755)
    monkeypatch.setattr("iryo.imaging.ohif.package.importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(InvalidInput, match="found a package sha512-"), fetch("3.12.10"):
        pass
    with fetch("3.12.99") as unknown:
        assert unknown.read_text() == "other\n"


def test_an_npm_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no such version >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr("iryo.imaging.ohif.package.importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Unavailable, match="no such version"), fetch("3.12.0"):
        pass


# ---------------------------------------------------------------------------------------- serving


@pytest.fixture
def files(home: Path, package: Path) -> Files:
    return Files(install(package, home))


def get(files: Files, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = files.answer(Request("GET", path, headers=named))
    assert response is not None
    assert isinstance(response.body, bytes)
    return response.status, dict(response.headers), response.body


def test_files_with_a_hash_are_kept_for_ever(files: Files) -> None:
    status, headers, body = get(files, f"/ohif/{Path(BUNDLE).name}")
    assert (status, headers["content-type"]) == (200, "text/javascript")
    assert "immutable" in headers["cache-control"]
    assert "content-encoding" not in headers
    _, headers, packed = get(files, f"/ohif/{Path(BUNDLE).name}", accept_encoding="br, gzip")
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == body


@pytest.mark.parametrize(
    "path",
    ["/ohif", "/ohif/", "/ohif/viewer", "/ohif/assets", "/ohif/../iryo.key", "/ohif/%2e%2e/x%00"],
)
def test_all_else_is_its_page(files: Files, path: str) -> None:
    status, headers, body = get(files, path)
    assert (status, headers["content-type"]) == (200, "text/html")
    assert body.startswith(b"<!doctype html>")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "'sha256-" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-cache"
    again, _, nothing = get(files, path, if_none_match=headers["etag"])
    assert (again, nothing) == (304, b"")


def test_the_configuration_names_what_may_be_read(files: Files) -> None:
    assert files.answer(Request("GET", "/ohif/app-config.js")) is None
    response = configuration([("a" * 32, "main"), ("b" * 32, "</script><b>胸部")])
    assert isinstance(response.body, bytes)
    text = response.body.decode("ascii")
    assert "</script>" not in text
    config = json.loads(text.removeprefix("window.config = ").rstrip(";\n").replace("<\\/", "</"))
    assert config["routerBasename"] == "/ohif"
    assert config["defaultDataSourceName"] == "a" * 32
    assert [one["configuration"]["friendlyName"] for one in config["dataSources"]] == [
        "main",
        "</script><b>胸部",
    ]
    assert dict(response.headers)["cache-control"] == "no-store"
    assert b'"dataSources": []' in configuration([]).body
