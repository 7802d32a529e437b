"""The examples of deploy/ name what exists: commands, options, settings, probes, files, labels."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import distributed  # noqa: F401 - its defaults are what names are looked up in
import pytest
import yaml

from iryo.settings import SETTINGS, load
from tests.durability.trial import Trial, free_port
from tests.installation import opened
from tests.test_docs import command_paths
from tests.test_server_starting import got

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TIMERS = sorted((DEPLOY / "systemd").glob("*.timer"))
BIN = Path(sys.executable).parent


def name_of(path: Path) -> str:
    return path.relative_to(DEPLOY).as_posix()


def manifests() -> list[dict[str, Any]]:
    found = []
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        found += list(yaml.safe_load_all(path.read_text()))
    return found


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in manifests() if one["kind"] == kind]


def containers() -> Iterator[dict[str, Any]]:
    for deployment in of_kind("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        yield from pod["containers"]
        yield from pod.get("initContainers", [])


def commands() -> Iterator[list[str]]:
    """What is started, as words, wherever it stands."""
    for container in containers():
        yield [str(word) for word in container["command"]]
    for path in UNITS:
        text = path.read_text().replace("\\\n", " ")
        for line in re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE):
            yield shlex.split(line.replace("/opt/iryo/bin/", ""))
    for path in (DEPLOY / "slurm").iterdir():
        text = path.read_text().replace("\\\n", " ")
        for line in re.findall(
            r"^(?:\S+=\S+ )*\s*(?:srun )?((?:iryo|dask) .*?) &$", text, re.MULTILINE
        ):
            yield shlex.split(line)
    (line,) = re.findall(r"^CMD (.*)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    yield list(yaml.safe_load(line))


@pytest.mark.parametrize("words", sorted(set(map(tuple, commands()))), ids=" ".join)
def test_commands_exist(words: tuple[str, ...]) -> None:
    if words[0] == "install":
        assert words[1:3] == ("-m", "600"), "a key file is its owner's alone"
        return
    if words[0] == "iryo":
        plain = [word for word in words if not word.startswith("-")]
        assert any(f"iryo {word}" in set(command_paths()) for word in plain), words
    else:
        assert words[0] == "dask"
    command = () if words[1].startswith("-") else words[1:2]
    shown = subprocess.run(
        [sys.executable, "-m", words[0], *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "COLUMNS": "200"},
    ).stdout
    options = {word for word in words if word.startswith("--")}
    assert {one for one in options if one not in shown} == set()


def test_commands_are_found() -> None:
    """That the test above looks at them at all."""
    found = [words[:2] for words in commands()]
    assert found.count(["dask", "worker"]) == 3
    assert found.count(["dask", "scheduler"]) == 3
    assert found.count(["iryo", "serve"]) == 3
    assert found.count(["iryo", "work"]) == 2
    assert found.count(["iryo", "--compute"]) == 1
    assert found.count(["iryo", "compact"]) == found.count(["iryo", "verify"]) == 1


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_settings_exist(path: Path) -> None:
    text = path.read_text()
    known = {setting.variable for setting in SETTINGS}
    assert set(re.findall(r"\bIRYO_[A-Z0-9_]+", text)) <= known
    for name in re.findall(r"\bDASK_[A-Z0-9_]+", text):
        place = name.removeprefix("DASK_").lower().replace("__", ".")
        dask.config.get(dask.config.canonical_name(place, dask.config.config))


def test_settings_can_be_so() -> None:
    """Together, for each role: nothing is refused, and each knows of all stores."""
    plain = dict(
        line.split("=", 1)
        for line in (DEPLOY / "systemd" / "iryo.env").read_text().splitlines()
        if line and not line.startswith("#")
    )
    load({}, plain, None)
    (given,) = of_kind("ConfigMap")
    (secret,) = of_kind("Secret")
    for container in containers():
        if container["name"] in ("server", "work"):
            assert {"configMapRef": {"name": "iryo-settings"}} in container["envFrom"]
            own = {entry["name"]: entry["value"] for entry in container["env"]}
            settings = load({}, {**given["data"], **secret["stringData"], **own}, None).settings
            assert settings.database.startswith("postgresql://")
            assert settings.objects.startswith("s3://")
            assert settings.compute == "dask://dask-scheduler:8786"
            assert settings.job_threads == (0 if container["name"] == "server" else 2)
            assert settings.behind_proxy == (container["name"] == "server")


def test_probes_are_answered(tmp_path: Path) -> None:
    asked = set()
    for container in containers():
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            if "httpGet" in container.get(kind, {}):
                probe = container[kind]["httpGet"]
                assert probe["port"] in {port["name"] for port in container["ports"]}
                asked.add(probe["path"])
    asked |= set(re.findall(r"health_uri (\S+)", (DEPLOY / "proxy" / "Caddyfile").read_text()))
    assert asked == {"/-/health", "/-/ready"}
    with opened(tmp_path) as app:
        for path in asked:
            assert got(app, path)[0] == 200


def test_manifests_fit_together() -> None:
    pods = {}
    for deployment in of_kind("Deployment"):
        template = deployment["spec"]["template"]
        labels = template["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        pods[labels["app"]] = template["spec"]
        spec = template["spec"]
        # A service would set IRYO_PORT or DASK_..., which are settings of another meaning.
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"] + spec.get("initContainers", []):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
    for service in of_kind("Service"):
        spec = pods[service["spec"]["selector"]["app"]]
        ports = {port["name"] for one in spec["containers"] for port in one.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    services = {service["metadata"]["name"] for service in of_kind("Service")}
    assert "dask-scheduler" in services
    for budget in of_kind("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"]["app"] in pods
    for policy in of_kind("NetworkPolicy"):
        assert policy["spec"]["podSelector"]["matchLabels"]["app"] in pods
        listed = re.findall(r"values: \[(.*?)\]", yaml.safe_dump(policy, default_flow_style=None))
        assert {name.strip() for names in listed for name in names.split(",")} <= pods.keys()
    (kustomization,) = of_kind("Kustomization")
    others = {path.name for path in (DEPLOY / "kubernetes").iterdir()}
    assert set(kustomization["resources"]) == others - {
        "kustomization.yaml", "secret.example.yaml",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("path", [*UNITS, *TIMERS], ids=name_of)
def test_units_are_understood(path: Path, tmp_path: Path) -> None:
    """By systemd itself, with our programs where the unit expects them."""
    for unit in (*UNITS, *TIMERS):  # a timer is looked at with its service
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/iryo/bin/", f"{BIN}/"))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / path.name],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in ran.stderr.splitlines() if path.stem.rstrip("@") in line]
    assert (ran.returncode, told) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("path", TIMERS, ids=name_of)
def test_timers_come_around(path: Path) -> None:
    """Each has its service, and a date in the future."""
    assert path.with_suffix(".service") in UNITS
    (when,) = re.findall(r"^OnCalendar=(.*)$", path.read_text(), re.MULTILINE)
    ran = subprocess.run(
        ["systemd-analyze", "calendar", when], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"Next elapse: \w+ \d{4}-", ran.stdout), ran.stdout


def test_units_leave_the_number_of_jobs_to_themselves() -> None:
    """What stands in an EnvironmentFile wins over Environment (systemd.exec)."""
    assert "\nIRYO_JOB_THREADS=" not in (DEPLOY / "systemd" / "iryo.env").read_text()


def test_the_image_is_made_of_what_is_there() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
    (extras,) = re.findall(r"\.\[(.*?)\]", text)
    project = (ROOT / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras.split(","))


def test_proxies_pass_what_the_server_takes() -> None:
    (setting,) = (one for one in SETTINGS if one.name == "max_body")
    assert setting.default == "64 MiB"
    assert "client_max_body_size 64m;" in (DEPLOY / "proxy" / "nginx.conf").read_text()
    assert "max_size 64MiB" in (DEPLOY / "proxy" / "Caddyfile").read_text()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
def test_nginx_understands_its_example(tmp_path: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"),
            *("-keyout", tmp_path / "images.key", "-out", tmp_path / "images.pem"),
        ],
        check=True,
        capture_output=True,
    )
    ours = (DEPLOY / "proxy" / "nginx.conf").read_text().replace("/etc/nginx/tls", str(tmp_path))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"events {{}}\npid {tmp_path}/pid;\nhttp {{\naccess_log off;\n{places}{ours}\n}}\n"
    )
    ran = subprocess.run(
        ["nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_the_batch_script_imports(tmp_path: Path) -> None:
    """As written, but for `srun`, which here starts two tasks on this machine."""
    trial = Trial(tmp_path)
    folder = trial.files(40)
    trial.remember(folder)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "srun").write_text(
        '#!/bin/bash\n"$@" & one=$!\n"$@" & two=$!\ntrap \'kill $one $two\' TERM\nwait; wait\n'
    )
    (tools / "srun").chmod(0o755)
    (tools / "hostname").write_text("#!/bin/sh\necho localhost\n")
    (tools / "hostname").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    ran = subprocess.run(
        ["bash", DEPLOY / "slurm" / "iryo-import.sbatch", folder],
        env=kept
        | {
            "PATH": os.pathsep.join([str(tools), str(BIN), os.environ["PATH"]]),
            "HOME": str(tmp_path),
            "IRYO_HOME": str(trial.home),
            "SCHEDULER_PORT": str(free_port()),
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "40" in ran.stdout
    trial.check_complete()


def test_the_readme_tells_of_each_folder() -> None:
    """Each folder of deploy/ is told of in its README."""
    text = (DEPLOY / "README.md").read_text()
    names = sorted(path.name for path in DEPLOY.iterdir() if path.name != "README.md")
    assert all(f"`{name}" in text for name in names)
