import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import InvalidInput
from iryo.settings import SETTINGS, Loaded, Settings, load
from scripts.settings_reference import PAGE, render


@pytest.fixture
def user(tmp_path: Path) -> Path:
    return tmp_path / "user"


def environment(user: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(user), "PATH": "/bin", **more}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_table_and_the_object_say_the_same() -> None:
    names = [setting.name for setting in SETTINGS]
    assert names == [field.name for field in dataclasses.fields(Settings)]
    assert all(setting.help.endswith(".") for setting in SETTINGS)
    assert all(setting.variable == f"IRYO_{setting.name.upper()}" for setting in SETTINGS)


def test_defaults(user: Path) -> None:
    loaded = load({}, environment(user), None)
    home = user / ".local/share/iryo"
    assert loaded.settings == Settings(
        home=home,
        objects=f"file://{home}/objects",
        s3_endpoint=None,
        s3_region="us-east-1",
        s3_access_key_id=None,
        s3_secret_access_key=None,
        database=f"sqlite:///{home}/iryo.sqlite",
        database_connections=20,
        compute="processes",
        worker_memory=8 << 30,
        host="127.0.0.1",
        port=8100,
        server_workers=1,
        tls_certificate=None,
        tls_key=None,
        behind_proxy=False,
        region="us-east-1",
        account="000000000000",
        import_roots=(),
        max_body=64 * 1024 * 1024,
        job_threads=1,
        job_lease=30,
        log_level="info",
        log_format="text",
        metrics_token=None,
        otel_endpoint=None,
        max_upload=8 << 30,
        query_results=10_000,
        dicomweb_delete=False,
        cors_origins=(),
        oidc_issuer=None,
        oidc_audience=None,
        oidc_roles_claim="iryo_roles",
        oidc_client_id=None,
        oidc_client_secret=None,
        session_idle=15,
        audit_syslog=None,
        audit_syslog_ca=None,
        ae_title="IRYO",
        dimse_port=None,
        dimse_tls=False,
        dimse_tls_ca=None,
        dimse_associations=200,
    )
    assert set(loaded.sources.values()) == {"default"}
    assert set(loaded.sources) == {setting.name for setting in SETTINGS}
    assert loaded.file is None


def test_they_do_not_change(user: Path) -> None:
    settings = load({}, environment(user), None).settings
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]


def test_xdg_data_home(user: Path, tmp_path: Path) -> None:
    loaded = load({}, environment(user, XDG_DATA_HOME=f"{tmp_path}/data"), None)
    assert loaded.settings.home == tmp_path / "data/iryo"
    assert loaded.sources["home"] == "default"
    relative = load({}, environment(user, XDG_DATA_HOME="data"), None)
    assert relative.settings.home == user / ".local/share/iryo"


def test_a_home_with_a_strange_name(user: Path, tmp_path: Path) -> None:
    settings = load({"home": tmp_path / "Röntgen 1%"}, environment(user), None).settings
    assert settings.objects == f"{(tmp_path / 'Röntgen 1%').as_uri()}/objects"
    assert settings.database == f"sqlite:///{tmp_path}/Röntgen 1%/iryo.sqlite"


def test_flag_before_environment_before_file_before_default(user: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "my.toml", 'port = 1\nregion = "eu-west-1"\naccount = "111111111111"\n')
    environ = environment(user, IRYO_PORT="2", IRYO_REGION="ap-northeast-1")
    loaded = load({"port": 3, "host": None}, environ, file)
    assert loaded.settings.port == 3
    assert loaded.settings.region == "ap-northeast-1"
    assert loaded.settings.account == "111111111111"
    assert loaded.settings.host == "127.0.0.1"
    assert loaded.file == file
    chosen = {name: loaded.sources[name] for name in ("port", "region", "account", "host")}
    assert chosen == {
        "port": "flag",
        "region": "IRYO_REGION",
        "account": "my.toml",
        "host": "default",
    }


def test_the_file_in_the_home_folder(user: Path, tmp_path: Path) -> None:
    write(tmp_path / "home/iryo.toml", "port = 9\n")
    loaded = load({}, environment(user, IRYO_HOME=str(tmp_path / "home")), None)
    assert loaded.settings.port == 9
    assert loaded.sources["port"] == "iryo.toml"
    assert loaded.sources["home"] == "IRYO_HOME"
    assert load({"home": tmp_path}, environment(user), None).settings.port == 8100


def test_a_file_that_is_given_replaces_the_one_in_the_home(user: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(home / "iryo.toml", "port = 9\njob_threads = 2\n")
    file = write(tmp_path / "etc/other.toml", f'home = "{home}"\nport = 10\n')
    by_flag = load({}, environment(user), file)
    by_variable = load({}, environment(user, IRYO_CONFIG=str(file)), None)
    assert by_flag == by_variable
    assert by_flag.settings.home == home
    assert by_flag.settings.port == 10
    assert by_flag.settings.job_threads == 1
    assert by_flag.sources["home"] == "other.toml"


def test_the_file_in_the_home_folder_does_not_say_where_home_is(user: Path, tmp_path: Path) -> None:
    write(tmp_path / "iryo.toml", 'home = "/elsewhere"\n')
    with pytest.raises(InvalidInput, match=r"found home in .*looked for in the home folder"):
        load({"home": tmp_path}, environment(user), None)


def test_paths(user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to where they are written; ~ is the user's folder."""
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "etc/iryo.toml", 'tls_certificate = "c.pem"\ntls_key = "/k.pem"\n')
    settings = load({"home": "here"}, environment(user), file).settings
    assert settings.home == tmp_path / "here"
    assert settings.tls_certificate == tmp_path / "etc/c.pem"
    assert settings.tls_key == Path("/k.pem")
    assert load({"home": "~/x"}, environment(user), None).settings.home == user / "x"


def test_without_a_home_the_system_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert load({}, {}, None).settings.home == tmp_path / ".local/share/iryo"


GOOD: list[tuple[str, object, object]] = [
    ("port", "0", 0),
    ("port", " 65535 ", 65535),
    ("port", 1, 1),
    ("behind_proxy", "true", True),
    ("behind_proxy", "0", False),
    ("behind_proxy", True, True),
    ("max_body", "1", 1),
    ("max_body", 77, 77),
    ("max_body", "3 KiB", 3072),
    ("max_body", "2GiB", 2 << 30),
    ("import_roots", "", ()),
    ("import_roots", "/a, /b c", ("/a", "/b c")),
    ("import_roots", ["/a,b"], ("/a,b",)),
    ("import_roots", ("/a", "s3://b/c"), ("/a", "s3://b/c")),
    ("region", "us-gov-west-1", "us-gov-west-1"),
    ("account", "123456789012", "123456789012"),
    ("log_level", "debug", "debug"),
    ("objects", "memory://", "memory://"),
    ("host", "::1", "::1"),
]

BAD: list[tuple[str, object]] = [
    ("port", ""),
    ("port", "65536"),
    ("port", "-1"),
    ("port", "80.0"),
    ("port", "٣"),
    ("port", "tcp://10.0.0.1:80"),  # what Kubernetes sets for a service named iryo
    ("port", True),
    ("port", 1.5),
    ("port", "9" * 5000),
    ("behind_proxy", "maybe"),
    ("behind_proxy", 1),
    ("max_body", "0"),
    ("max_body", "64 MB"),
    ("max_body", "many"),
    ("max_body", -5),
    ("max_body", "9" * 18 + "GiB"),
    ("import_roots", 7),
    ("import_roots", [7]),
    ("import_roots", {"a": 1}),
    ("region", "Tokyo"),
    ("account", "12345678901"),
    ("account", 123456789012),
    ("log_level", "loud"),
    ("objects", "/srv/objects"),
    ("objects", ""),
    ("compute", ""),
    ("compute", "a\nb"),
    ("host", []),
    ("home", "a?b"),
    ("home", ""),
    ("job_threads", -1),
]


@pytest.mark.parametrize(("name", "value", "expected"), GOOD, ids=repr)
def test_good_values(user: Path, name: str, value: object, expected: object) -> None:
    loaded = load({name: value}, environment(user), None)
    assert getattr(loaded.settings, name) == expected
    if isinstance(value, str):
        environ = environment(user, **{f"IRYO_{name.upper()}": value})
        assert getattr(load({}, environ, None).settings, name) == expected


@pytest.mark.parametrize(("name", "value"), BAD, ids=ascii)
def test_bad_values(user: Path, name: str, value: object) -> None:
    """The message names setting, source, found and expected."""
    (setting,) = (one for one in SETTINGS if one.name == name)
    with pytest.raises(InvalidInput) as caught:
        load({name: value}, environment(user), None)
    assert caught.value.where == name
    assert caught.value.message.startswith(f"setting {name}, from flag: found ")
    assert caught.value.message.endswith(f"expected {setting.kind.expected}")
    if isinstance(value, str):
        with pytest.raises(InvalidInput, match=f"setting {name}, from IRYO_{name.upper()}: found"):
            load({}, environment(user, **{f"IRYO_{name.upper()}": value}), None)


def test_a_bad_value_in_the_file(user: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "my.toml", "port = 'high'\n")
    with pytest.raises(InvalidInput, match=r"setting port, from my.toml: found 'high', expected"):
        load({}, environment(user), file)


def test_unknown_names(user: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"setting prot \(flag\); did you mean port\?"):
        load({"prot": 1}, environment(user), None)
    with pytest.raises(InvalidInput, match=r"IRYO_DATABSE \(environment\); .*mean IRYO_DATABASE\?"):
        load({}, environment(user, IRYO_DATABSE="x"), None)
    file = write(tmp_path / "my.toml", "[kitchen]\nport = 1\n")
    with pytest.raises(
        InvalidInput, match=r"setting kitchen \(.*/my\.toml\); expected one of home"
    ):
        load({}, environment(user), file)


def test_files_that_are_none(user: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no settings file .*missing.toml: No such file"):
        load({}, environment(user), tmp_path / "missing.toml")
    file = write(tmp_path / "my.toml", "port = \n")
    with pytest.raises(InvalidInput, match=r"my.toml what is not TOML: .*line 1"):
        load({}, environment(user), file)
    file.write_bytes(b"host = '\xff'\n")
    with pytest.raises(InvalidInput, match=r"my\.toml what is not TOML"):
        load({}, environment(user), file)


@pytest.mark.parametrize("name", ["tls_certificate", "tls_key"])
def test_certificate_and_key_go_together(user: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="expected both or neither"):
        load({name: "x.pem"}, environment(user), None)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example.org", False),
        ("hospital", False),
    ],
)
def test_loopback(user: Path, host: str, loopback: bool) -> None:
    assert load({"host": host}, environment(user), None).settings.loopback is loopback


def row(loaded: Loaded, name: str) -> tuple[str, str]:
    (found,) = ((value, source) for key, value, source in loaded.rows() if key == name)
    return found


def test_rows_for_a_person(user: Path) -> None:
    environ = environment(user, IRYO_DATABASE="postgresql://me:s3:cret@db/iryo")
    loaded = load({"import_roots": ["/a", "/b"], "behind_proxy": True}, environ, None)
    assert [name for name, _, _ in loaded.rows()] == [setting.name for setting in SETTINGS]
    assert row(loaded, "database") == ("postgresql://me:***@db/iryo", "IRYO_DATABASE")
    assert row(loaded, "import_roots") == ("/a,/b", "flag")
    assert row(loaded, "behind_proxy") == ("true", "flag")
    assert row(loaded, "tls_key") == ("", "default")
    assert row(loaded, "port") == ("8100", "default")
    assert loaded.settings.database == "postgresql://me:s3:cret@db/iryo"
    odd = load({"database": "a://me:secret@[", "objects": "a://b@c"}, environ, None)
    assert row(odd, "database") == ("a://me:***@[", "flag")
    assert row(odd, "objects") == ("a://b@c", "flag")


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.one_of(st.text(), st.integers()), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(name=st.sampled_from([setting.name for setting in SETTINGS]), value=VALUES)
def test_anything_is_taken_or_refused_as_such(name: str, value: object) -> None:
    try:
        loaded = load({name: value}, {"HOME": "/nowhere"}, None)
    except InvalidInput as error:
        where = error.where
    else:
        where = None
        assert loaded.rows()
    assert where in {None, name, "tls_key", "s3_secret_access_key"}


@given(st.dictionaries(st.text(st.characters(exclude_characters="=\0")), st.text()))
def test_variables_of_others_do_not_matter(variables: dict[str, str]) -> None:
    others = {f"X{name}": value for name, value in variables.items()}
    assert load({}, {"HOME": "/nowhere", **others}, None) == load({}, {"HOME": "/nowhere"}, None)


def test_the_real_environment_can_be_read(user: Path) -> None:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("IRYO_")}
    assert load({"home": user}, mine, None).settings.home == user


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run scripts/settings_reference.py"


def test_a_secret_is_never_shown(user: Path) -> None:
    loaded = load(
        {}, environment(user, IRYO_S3_ACCESS_KEY_ID="AKIA", IRYO_S3_SECRET_ACCESS_KEY="hush"), None
    )
    assert loaded.settings.s3_secret_access_key == "hush"
    assert "hush" not in repr(loaded.settings)
    assert ("s3_secret_access_key", "***", "IRYO_S3_SECRET_ACCESS_KEY") in loaded.rows()
    assert ("metrics_token", "", "default") in loaded.rows()
    with pytest.raises(InvalidInput) as caught:
        load({"metrics_token": "hush\n!"}, environment(user), None)
    assert "hush" not in caught.value.message


def test_an_s3_key_needs_its_secret(user: Path) -> None:
    with pytest.raises(InvalidInput, match="s3_secret_access_key") as caught:
        load({"s3_access_key_id": "AKIA"}, environment(user), None)
    assert caught.value.where == "s3_secret_access_key"
