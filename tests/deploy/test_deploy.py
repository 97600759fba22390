"""What is in deploy/: the parts of it agree with each other, with the program and with the lock."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from whodid.cli.main import COMMANDS
from whodid.config.load import load

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def directives(unit):
    found = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture(scope="module")
def objects():
    text = (DEPLOY / "kubernetes" / "whodid.yaml").read_text()
    found = {}
    for one in yaml.safe_load_all(text):
        found[one["kind"]] = one
    return found


@pytest.fixture(scope="module")
def pod(objects):
    return objects["StatefulSet"]["spec"]["template"]["spec"]


needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze") and not os.environ.get("CI"), reason="no systemd here"
)


# --- systemd -------------------------------------------------------------------------------------


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_each_unit(unit, tmp_path):
    program = tmp_path / "whodid"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for one in UNITS:  # a timer is looked at together with its service
        text = one.read_text().replace("/opt/whodid/bin/whodid", str(program))
        (tmp_path / one.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", tmp_path / unit.name],
        check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not ours, ours


@needs_systemd
@pytest.mark.parametrize("unit", [DEPLOY / "whodid.service"], ids=["whodid.service"])
def test_systemd_calls_the_server_little_exposed(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if "Unknown" in done.stderr or "unrecognized" in done.stderr:
        pytest.skip("this systemd looks at running units only")
    assert done.returncode == 0, done.stdout[-800:]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_units_call_commands_that_are(unit):
    [start] = directives(unit)["ExecStart"]
    program, command = start.split()[:2]
    assert program == "/opt/whodid/bin/whodid"
    assert command in COMMANDS
    environment = [value.split("=")[0] for value in directives(unit)["Environment"]]
    assert {"WHODID_DIR", "WHODID_KEYS"} <= set(environment)


def test_the_unit_says_what_the_server_tells_systemd():
    said = directives(DEPLOY / "whodid.service")
    assert said["Type"] == ["notify"]
    assert (ROOT / "src/whodid/serve/systemd.py").is_file()
    assert int(said["TimeoutStopSec"][0]) >= 40  # four kinds of processes, ten seconds each
    for name in ("User", "ProtectSystem", "NoNewPrivileges", "StateDirectory", "LimitNOFILE"):
        assert name in said


# --- the container -------------------------------------------------------------------------------


def test_all_that_the_container_installs_is_pinned_by_hash():
    text = (DEPLOY / "Containerfile").read_text()
    installs = re.findall(r"pip install.*", text)
    assert installs
    assert all("--require-hashes" in line and "requirements/run.lock" in line for line in installs)
    lock = (ROOT / "requirements" / "run.lock").read_text()
    pinned = re.findall(r"^([a-z0-9-]+)==\S+", lock, re.MULTILINE)
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split(r"[><=;\[ ]", one)[0].lower() for one in wanted} <= set(pinned)
    for entry in re.split(r"\n(?=[a-z0-9-]+==)", lock)[1:]:
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_the_container_copies_what_there_is_and_runs_as_nobody():
    text = (DEPLOY / "Containerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*)", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    [user] = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert user == "10001:10001"
    [command] = re.findall(r'^CMD \["(\w+)"\]', text, re.MULTILINE)
    assert command in COMMANDS
    assert "/healthz" in re.findall(r"HEALTHCHECK[^\n]*\\\n[^\n]*", text)[0]
    last = text.rpartition("FROM ")[2]
    assert "pip" not in last  # what builds is not in the image that runs


# --- Kubernetes ----------------------------------------------------------------------------------


def test_one_replica_with_one_writer(objects):
    state = objects["StatefulSet"]["spec"]
    assert state["replicas"] == 1
    claims = {one["metadata"]["name"]: one["spec"] for one in state["volumeClaimTemplates"]}
    assert set(claims) == {"data", "keys"}
    assert all(claim["accessModes"] == ["ReadWriteOncePod"] for claim in claims.values())


def test_each_container_is_restricted(pod):
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert pod["automountServiceAccountToken"] is False
    for container in [*pod["containers"], *pod["initContainers"]]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_what_is_mounted_is_there(pod, objects):
    volumes = {one["name"] for one in pod["volumes"]}
    volumes |= {
        one["metadata"]["name"] for one in objects["StatefulSet"]["spec"]["volumeClaimTemplates"]
    }
    for container in [*pod["containers"], *pod["initContainers"]]:
        assert {one["name"] for one in container["volumeMounts"]} <= volumes
    names = {one["metadata"].get("namespace", "whodid") for one in objects.values()}
    assert names == {"whodid"}
    [port] = pod["containers"][0]["ports"]
    assert port["name"] == objects["Service"]["spec"]["ports"][0]["targetPort"]
    probes = [pod["containers"][0][f"{kind}Probe"] for kind in ("startup", "readiness")]
    assert all(probe["httpGet"] == {"path": "/healthz", "port": "https", "scheme": "HTTPS"}
               for probe in probes)  # fmt: skip


def test_the_settings_in_it_are_settings(objects, tmp_path):
    file = tmp_path / "whodid.toml"
    file.write_text(objects["ConfigMap"]["data"]["whodid.toml"])
    found = load(None, environment={}, file=file)
    assert found.settings.server.host == "0.0.0.0"
    assert found.settings.tls.certificate == "/tls/tls.crt"
    container = objects["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
    assert container["args"][0] in COMMANDS


def test_nothing_goes_out_and_only_clients_come_in(objects):
    policy = objects["NetworkPolicy"]["spec"]
    assert policy["egress"] == []
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    [rule] = policy["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"whodid-client": "true"}}}]
