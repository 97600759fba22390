"""Settings: precedence, and errors that name the place."""

import pytest

from whodid.config.load import load
from whodid.config.settings import Settings, all_settings, is_reloaded
from whodid.errors import UsageError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "whodid.toml"

    def write(text):
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def test_without_anything_there_are_the_defaults():
    found = load(None, environment={})
    assert found.settings == Settings()
    assert set(found.origins.values()) == {"default"}
    assert list(found.origins) == list(all_settings())


def test_option_before_environment_before_file_before_default(file, tmp_path):
    file('[server]\nport = 1\ndoors = 3\nhost = "::1"\n[log]\nlevel = "error"\n')
    environment = {"WHODID_SERVER_PORT": "2", "PORT": "9", "WHODID_SERVER_DOORS": "4"}
    found = load(tmp_path, environment=environment, options={"server.port": ("--port", 5)})
    assert (found.settings.server.port, found.settings.server.doors) == (5, 4)
    assert (found.settings.server.host, found.settings.log.level) == ("::1", "error")
    assert found.origins["server.port"] == "--port"
    assert found.origins["server.doors"] == "WHODID_SERVER_DOORS"
    assert found.origins["server.host"] == f"{tmp_path / 'whodid.toml'} line 4"
    assert found.origins["log.format"] == "default"
    assert load(tmp_path, environment={"PORT": "9"}).settings.server.port == 9
    assert load(tmp_path, environment=environment).settings.server.port == 2


def test_the_file_is_the_named_one_first(file, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text("server.port = 7")
    file("server.port = 8")
    environment = {"WHODID_CONFIG": str(other)}
    assert load(tmp_path, environment={}).settings.server.port == 8
    assert load(tmp_path, environment=environment).settings.server.port == 7
    named = load(tmp_path, environment=environment, file=tmp_path / "whodid.toml")
    assert (named.settings.server.port, named.file) == (8, tmp_path / "whodid.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        load(None, environment={}, file=tmp_path / "missing")


def test_lists_and_booleans_of_the_environment():
    environment = {
        "WHODID_SERVER_TRUSTED_PROXIES": "10.0.0.0/8, ::1/128",
        "WHODID_LOG_ACCESS": "true",
        "WHODID_VERIFY_BUSY_SHARE": "0.5",
    }
    settings = load(None, environment=environment).settings
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert (settings.log.access, settings.verify.busy_share) == (True, 0.5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[server]\n\nhots = "x"',
            r"line 3: there is no setting 'server.hots'.*server.host",
        ),
        ('[servr]\nhost = "x"', r"line 1: there is no setting 'servr'; did you mean server\?"),
        ("[limits]\nport = 1", r"line 2: there is no setting 'limits.port'"),
        ('host = "x"', r"line 1: 'host' stands in no section"),
        ("[server]\nport = 70000", r"line 2: server.port: expected `int` <= 65535"),
        ('[server]\nport = "1"', r"line 2: server.port: expected `int`, got `str`"),
        ('[log]\nlevel = "loud"', r"line 2: log.level"),
        ("[server", r"is no TOML: .*"),
        ("a = 1\na = 2", r"is no TOML: Cannot overwrite"),
        ('[server]\nhost = "0.0.0.0"', r"line 2: 0.0.0.0 can be reached by others"),
        ('[server]\nhost = "here"', r"line 2: server.host 'here' is not an IP address"),
        ('[tls]\nkey = "k"', r"line 2: tls.certificate and tls.key go together"),
        ('[tls]\nclient_ca = "k"', r"line 2: tls.client_ca needs"),
        ('server.trusted_proxies = ["10.0.0.1/8"]', r"line 1: server.trusted_proxies"),
        ("[limits]\nconnections_per_client = 65000", r"line 2: limits.connections_per_client"),
        ("[verify]\nbusy_share = 1.5", r"line 2: verify.busy_share"),
        ("[server]\nport = true", r"line 2: server.port: expected `int`, got `bool`"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(file, text, says):
    with pytest.raises(UsageError, match=says):
        load(None, environment={}, file=file(text))


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"WHODID_SERVER_PRT": "1"}, "did you mean WHODID_SERVER_PORT"),
        ({"PORT": "x"}, "PORT: server.port"),
        ({"WHODID_SERVER_HOST": "0.0.0.0"}, "WHODID_SERVER_HOST: 0.0.0.0 can be reached"),
    ],
)
def test_and_so_is_what_the_environment_has_wrong(environment, says):
    with pytest.raises(UsageError, match=says):
        load(None, environment=environment)


def test_other_variables_of_ours_are_no_settings():
    names = {"WHODID_DIR": "x", "WHODID_KEYS": "x", "WHODID_TOKEN": "x", "WHODID_CONFIG": ""}
    assert load(None, environment=names).settings == Settings()


def test_an_open_address_wants_tls_or_a_word(file):
    open_to_all = 'server.host = "0.0.0.0"\n'
    for also in ("server.plain_http = true", 'tls = {certificate = "c", key = "k"}'):
        assert load(None, environment={}, file=file(open_to_all + also)).settings.server.host


def test_a_file_that_all_may_write_is_refused(file):
    path = file("")
    path.chmod(0o666)
    with pytest.raises(UsageError, match="chmod o-w"):
        load(None, environment={}, file=path)


def test_what_is_reloaded_exists():
    names = [name for name in all_settings() if is_reloaded(name)]
    assert "tls.key" in names
    assert "server.host" not in names


def test_hostile_files_are_errors_of_ours(file):
    for text in ("[" * 5000, "a = " + "[" * 5000, "\x00", "server = 1", "a." * 5000 + "b = 1"):
        with pytest.raises(UsageError):
            load(None, environment={}, file=file(text))


def test_tables_of_alerts_are_read_and_a_wrong_one_is_named(file, tmp_path):
    text = (
        "[alerts]\ngroup_wait_seconds = 3\n"
        '[alerts.channels.oncall]\nkind = "webhook"\nurl = "https://x.example/"\n'
        '[[alerts.routes]]\nchannels = ["oncall"]\nlevels = ["high"]\n'
    )
    path = file(text)
    found = load(tmp_path, environment={"WHODID_ALERTS_HEARTBEAT_CHANNELS": "oncall"})
    assert found.settings.alerts.channels["oncall"].url == "https://x.example/"
    assert found.settings.alerts.routes[0].levels == ("high",)
    assert found.settings.alerts.heartbeat_channels == ("oncall",)
    assert found.origins["alerts.channels"] == f"{path} line 3"
    for old, new, said in (
        (
            '"webhook"',
            '"webhok"',
            r"line 3: alerts\.channels\.oncall\.kind: invalid value 'webhok'",
        ),
        ("url =", "urls =", r"line 3: alerts\.channels\.oncall: object contains unknown field"),
        ('["high"]', '["hi"]', r"line 6: alerts\.routes\[0\]\.levels\[0\]: invalid"),
        ("alerts.channels", "alerts.chanels", r"line 3: there is no setting 'alerts.chanels'; did"),
    ):
        file(text.replace(old, new))
        with pytest.raises(UsageError, match=said):
            load(tmp_path, environment={})
    with pytest.raises(UsageError, match="there is no setting WHODID_ALERTS_CHANNELS"):
        load(None, environment={"WHODID_ALERTS_CHANNELS": "x"})
