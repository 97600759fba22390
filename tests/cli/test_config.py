"""`whodid config` and `whodid cert`: what serve would do, said before it does."""

import json
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "from whodid.cli import main; main()"]


@pytest.fixture
def run(tmp_path):
    def run(*arguments, rc=0, **env):
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True,
            timeout=300, env={"PATH": "/usr/bin:/bin", **env}, check=False,
        )  # fmt: skip
        assert done.returncode == rc, done
        return done

    return run


def test_show_says_where_each_setting_came_from(run, tmp_path):
    (tmp_path / "whodid.toml").write_text("[server]\ndoors = 3\n")
    done = run(
        "config", "show", "--json", "--dir", tmp_path, "--port", "7", WHODID_LOG_FORMAT="json"
    )
    document = json.loads(done.stdout)
    found = {row["name"]: (row["value"], row["origin"]) for row in document["settings"]}
    assert found["server.port"] == (7, "--port")
    assert found["server.doors"] == (3, f"{tmp_path / 'whodid.toml'} line 2")
    assert found["log.format"] == ("json", "WHODID_LOG_FORMAT")
    assert found["server.host"] == ("127.0.0.1", "default")
    table = run("config", "show", "--dir", tmp_path).stdout
    assert len(table.splitlines()) == len(document["settings"])


def test_check_says_what_is_wrong(run, tmp_path):
    (tmp_path / "whodid.toml").write_text("[server]\ndors = 3\n")
    said = run("config", "check", "--dir", tmp_path, rc=2).stderr
    assert "whodid.toml line 2: there is no setting 'server.dors'; did you mean server.do" in said
    said = run("config", "check", "--host", "0.0.0.0", rc=2).stderr
    assert "--host: 0.0.0.0 can be reached by others" in said
    assert run("config", "check").stdout == "no settings file: good\n"


def test_a_certificate_that_config_check_takes(run, tmp_path):
    run("cert", "--host", "localhost", "--out", "tls")
    given = ("--tls-cert", "tls/cert.pem", "--tls-key", "tls/key.pem")
    run("config", "check", "--host", "0.0.0.0", *given)
    assert "is there already" in run("cert", "--host", "x", "--out", "tls", rc=2).stderr


def test_memory_is_given_in_units(run):
    shown = json.loads(run("config", "show", "--json", "--memory", "2GiB").stdout)["settings"]
    [found] = [row for row in shown if row["name"] == "server.memory_bytes"]
    assert (found["value"], found["origin"]) == (2 * 2**30, "--memory")
    assert "write 800MiB or 2GiB" in run("config", "check", "--memory", "much", rc=2).stderr
    assert "server.memory_bytes" in run("config", "check", "--memory", "1MiB", rc=2).stderr


CHANNELS = """
[alerts.channels.hook]
kind = "webhook"
url = "https://hooks.example/services/T0PSECRET?key=T0PSECRET"
secret_files = ["{secret}"]
[[alerts.routes]]
channels = ["hook"]
"""


def test_secrets_of_channels_are_checked_and_not_printed(run, tmp_path):
    secret = tmp_path / "hook.secret"
    (tmp_path / "whodid.toml").write_text(CHANNELS.format(secret=secret))
    said = run("config", "check", "--dir", tmp_path, rc=2).stderr
    assert f"alerts.channels.hook: {secret} cannot be read" in said
    secret.write_text("whsec_T0PSECRET")
    secret.chmod(0o600)
    said = run("config", "check", "--dir", tmp_path, rc=2).stderr
    assert "alerts.channels.hook: a webhook's secret is whsec_ and" in said
    assert "T0PSECRET" not in said
    secret.write_text("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    run("config", "check", "--dir", tmp_path)
    for arguments in (("--json",), ()):
        shown = run("config", "show", "--dir", tmp_path, *arguments).stdout
        assert "https://hooks.example/" in shown
        assert "T0PSECRET" not in shown
        assert "MfKQ" not in shown
