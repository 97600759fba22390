"""Each command's way when all is well, its documents, and its exit codes (DESIGN section 7)."""

import json
import re
import shutil

import pytest

import whodid
from whodid.cli.main import COMMANDS

GOOD, FINDING, USAGE, UNREADABLE, DENIED = range(5)


# --- the whole -----------------------------------------------------------------------------------


def test_help_and_version_need_no_ledger(bare):
    text = bare("--help").stdout
    for name, line in COMMANDS.items():
        assert name in text
        assert line.split(";")[0].rstrip(".") in " ".join(text.split())
        assert "Usage:" in bare(name, "--help").stdout
    assert bare("--version").stdout.strip() == f"whodid, version {whodid.__version__}"


def test_an_unknown_command_names_the_nearest(bare):
    assert "did you mean search?" in bare("serach", rc=USAGE).stderr
    assert "no command 'xyzzy'" in bare("xyzzy", rc=USAGE).stderr


def test_a_command_without_a_ledger_says_how_to_name_one(bare, tmp_path):
    for command in (("search", "x"), ("source", "list"), ("token", "list"), ("serve",)):
        result = bare(*command, rc=USAGE, WHODID_DIR=None)
        assert "--dir DIR or WHODID_DIR" in result.stderr
        assert result.stdout == ""
        result = bare(*command, rc=USAGE, WHODID_DIR=str(tmp_path / "nothing"))
        assert "no ledger here" in result.stderr


def test_dir_wins_over_the_environment(shared, tmp_path):
    document = shared.json("search", "", "--dir", shared.directory, WHODID_DIR=str(tmp_path))
    assert document["total"] == 3


# --- init ----------------------------------------------------------------------------------------


def test_init_says_where_things_are_and_asks_nothing(bare):
    text = bare(
        "init", bare.directory, "--origin", "log.example/audit", "--admin", "ann",
        "--password-stdin", stdin="long enough\n",
    ).stdout  # fmt: skip
    assert str(bare.directory) in text
    keys = re.search(r"keys are in (\S+)", text)[1]
    assert keys.startswith(bare.env["WHODID_KEYS"])
    assert "without them" in text
    assert bare.directory.stat().st_mode & 0o77 == 0
    assert bare.json("verify", bare.directory)["ok"]


def test_init_without_an_administrator(bare):
    bare("init", bare.directory)
    assert bare.json("search", "")["total"] == 0


def test_init_refuses_a_folder_that_holds_anything(bare, tmp_path):
    bare.directory.mkdir()
    (bare.directory / "note").write_text("mine")
    assert "not empty" in bare("init", bare.directory, rc=USAGE).stderr
    assert [path.name for path in bare.directory.iterdir()] == ["note"]
    assert not (tmp_path / "keys").exists()


def test_init_twice_keeps_the_first(cli):
    assert "not empty" in cli("init", cli.directory, rc=USAGE).stderr
    assert cli.json("verify", cli.directory)["ok"]


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("ann", "short", "at least"),
        ("ann", "", "empty"),
        ("ann", "x" * 5000, "at most"),
        ("a b", "long enough", "user name"),
        ("\x1b[2J", "long enough", "user name"),
    ],
)
def test_init_with_a_bad_administrator_leaves_nothing_behind(bare, name, password, says):
    result = bare(
        "init", bare.directory, "--admin", name, "--password-stdin", stdin=f"{password}\n", rc=USAGE
    )
    assert says in result.stderr
    assert not bare.directory.exists()
    assert "\x1b" not in result.output


def test_init_on_a_file_or_a_bad_origin(bare, tmp_path):
    (tmp_path / "file").write_text("")
    result = bare("init", tmp_path / "file", rc=UNREADABLE)
    assert result.stderr == f"whodid: {tmp_path / 'file'}: Not a directory\n"
    bare("init", bare.directory, "--origin", "two\nlines", rc=UNREADABLE)


# --- search, show --------------------------------------------------------------------------------


def test_search_as_a_table_of_sentences(shared):
    result = shared("search", "actor:john.doe@example.com", "--limit", 2)
    assert result.stdout.count("john.doe@example.com uploaded customer-records.csv") == 2
    assert "2023-10-21 15:45:22" in result.stdout
    assert "2 of 3 events, read at checkpoint" in result.stderr
    before = re.search(r"--before (\S+)", result.stderr)[1]
    rest = shared("search", "actor:john.doe@example.com", "--before", before)
    assert "2023-10-21 15:45:20" in rest.stdout
    assert "1 of 3 events" in rest.stderr
    assert "--before" not in rest.stderr


def test_search_joins_its_words(shared):
    assert shared.json("search", "actor:john*", "outcome:success")["total"] == 3
    assert shared.json("search", "actor:john*", "outcome:denied")["total"] == 0
    assert "0 of 0 events" in shared("search", "outcome:denied").stderr


def test_search_document(shared):
    document = shared.json("search", "actor:john*", "--limit", 1)
    assert list(document)[:3] == ["events", "total", "total_is_exact"]
    assert set(document) == {
        "events", "total", "total_is_exact", "checkpoint", "warnings", "hidden_own", "next", "size",
        "clauses", "newer", "meant",
    }  # fmt: skip
    assert (document["total"], document["total_is_exact"], document["warnings"]) == (3, True, [])
    [event] = document["events"]
    assert event["actor.id"] == "john.doe@example.com"
    assert event["raw"].startswith("{")
    assert event["details"]["userId"] == "john.doe@example.com"
    assert document["checkpoint"].count("\n") >= 4


def test_search_as_ocsf_is_one_object_a_line(shared):
    done = shared("search", "--ocsf", "--limit", "3")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) == 3
    assert all(event["metadata"]["product"]["name"] == "whodid" for event in events)
    assert "events, read at checkpoint" in done.stderr
    assert shared.json("search", "--ocsf", "--limit", "1")["events"] == events[:1]


def test_a_search_that_does_not_parse_points_at_the_place(shared):
    result = shared("search", "access:read", "actro:alice", rc=USAGE)
    line, caret, message, *_ = result.stderr.split("\n")
    assert line == "access:read actro:alice"
    assert caret.index("^") == line.index("actro")
    assert "unknown field 'actro'" in message
    assert "did you mean 'actor'?" in message
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == "did you mean: access:read actor:alice"
    assert shared("search", "actro:alice", "--json", rc=USAGE).stdout == ""
    line, carets, *messages = shared("search", "actro:a rows:x", rc=USAGE).stderr.splitlines()
    assert (line, carets) == ("actro:a rows:x", "^            ^")
    assert [m.startswith("whodid: ") for m in messages] == [True, True]


def test_a_search_that_may_mean_something_else_is_told_of(shared):
    asked = shared("search", "access:read", "or", "rows>5")
    assert "did you mean: access:read OR rows:>5" in asked.stderr
    assert "did you mean" not in shared("search", "access:read OR rows:>5").stderr


@pytest.mark.parametrize(
    "text", ["(", ")", '"', "a:", "rows:>x", "time:[x TO y]", "ip:999.1.1.1", "-", "OR", "\udcff",
             "a" * 20_000, "(" * 100, "actor:~(a", "ip:1.1.1.1/99", "\x1b[2J:x"],
)  # fmt: skip
def test_odd_searches_are_errors_of_one_place(shared, text):
    result = shared.runner.invoke(whodid_main(), ["search", "--", text], env=shared.env)
    assert result.exit_code in {GOOD, USAGE}, result.output[-300:]
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert "\x1b" not in result.output


def whodid_main():
    from whodid.cli import main

    return main


def test_search_with_stats_is_a_table(shared):
    result = shared("search", "| stats by (actor) count(), max(time) | sort -count | limit 2")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["ACTOR", "COUNT", "MAX(TIME)"]
    assert len(lines) == 2
    assert "1 group of" in result.stderr
    document = shared.json("search", "| stats count()")
    assert document["rows"] == [[document["events"]]]
    assert document["events"] == shared.json("search", "")["total"]
    broken = shared("search", "| stats by (actr)", rc=2)
    assert "did you mean 'actor'" in broken.stderr
    assert shared("search", "--before", "x", "| stats count()", rc=2)


def test_search_in_another_order(shared):
    events = shared.json("search", "| sort time | limit 2")["events"]
    times = [event.get("time") or event["received"] for event in events]
    assert times == sorted(times)
    assert len(times) == 2


def test_limits_of_search(shared):
    for limit in ("0", "1001", "x"):
        shared("search", "", "--limit", limit, rc=USAGE)
    shared("search", "", "--before", "nonsense", rc=USAGE)


def test_show_for_people_and_as_a_document(shared):
    event_id = shared.json("search", "", "--limit", 1)["events"][0]["id"]
    text = shared("show", event_id).stdout
    assert re.search(r"^actor.id +john.doe@example.com$", text, re.MULTILINE)
    assert re.search(r'^raw +\{"id": "e2"', text, re.MULTILINE)
    document = shared.json("show", event_id)
    assert document["id"] == event_id
    assert "proof" not in document
    proven = shared.json("show", event_id, "--proof")
    assert {**proven, "proof": None} == {**document, "proof": None}
    assert set(proven["proof"]) == {
        "index", "leaf", "seed", "groups", "proof", "size", "checkpoint", "vkey",
    }  # fmt: skip
    shown = shared("show", event_id, "--proof").stdout
    assert "\nproof\n" in shown
    assert proven["proof"]["leaf"] in shown


def test_show_what_is_not_there(shared):
    for event_id in ("nothing", "a/b", "\udcff", "\x1b[31m"):
        result = shared("show", event_id, rc=USAGE)
        assert "there is no event" in result.stderr
        assert "\x1b" not in result.output


# --- sources, tokens, people ---------------------------------------------------------------------


def test_sources(cli):
    assert cli("source", "add", "crm").stdout == "source crm takes auto\n"
    assert cli("source", "add", "crm").stdout == "source crm takes auto\n"
    assert cli("source", "add", "web", "--format", "combined").exit_code == GOOD
    assert (
        "declared and takes auto"
        in cli("source", "add", "crm", "--format", "json", rc=USAGE).stderr
    )
    assert "known: authlog, auto, " in cli("source", "add", "x", "--format", "y", rc=USAGE).stderr
    assert "only whodid itself" in cli("source", "add", "whodid", rc=USAGE).stderr
    for name in ("", "a b", "a\nb", "x" * 65, "\x1b[2J", "\udcff", "-x"):
        cli("source", "add", "--", name, rc=USAGE)
    document = cli.json("source", "list")
    assert [source["name"] for source in document["sources"]] == ["whodid", "crm", "web"]
    assert set(document["sources"][1]) == {
        "name", "format", "domain", "opened", "events", "quarantined", "newest",
    }  # fmt: skip
    text = cli("source", "list").stdout
    assert re.search(r"crm +auto +0 +0 +never", text)


def test_tokens(cli):
    cli("source", "add", "crm")
    token = cli("token", "issue", "--source", "crm", "--name", "loader", "--expires", "3d").stdout
    assert re.fullmatch(r"wd_\S{40,}\n", token)
    assert cli("token", "issue", "--user", "ann").stdout.startswith("wdr_")
    for options in (
        (), ("--source", "crm", "--user", "ann"), ("--source", "crm", "--expires", "0d"),
        ("--source", "crm", "--expires", "9999999d"), ("--source", "crm", "--expires", "soon"),
        ("--source", "crm", "--name", ""),
        ("--source", "crm", "--name", "\x1b"), ("--user", "bob"), ("--source", "nothing"),
    ):  # fmt: skip
        cli("token", "issue", *options, rc=USAGE)
    first, second = cli.json("token", "list")["tokens"]
    assert set(first) == {"id", "kind", "for", "name", "issued", "expires", "revoked"}
    assert (first["kind"], first["for"], first["name"]) == ("write", "crm", "loader")
    assert (second["kind"], second["for"]) == ("read", "ann")
    text = cli("token", "list").stdout
    assert first["id"] in text
    assert token.strip() not in text
    assert "is revoked" in cli("token", "revoke", first["id"]).stdout
    assert cli.json("token", "list")["tokens"][0]["revoked"]
    assert "revoked" in cli("token", "list").stdout
    cli("token", "revoke", first["id"], rc=USAGE)


def test_users(cli):
    secret = "a long sentence\n"
    options = (
        "--role",
        "reader",
        "--filter",
        "source:shop -resource:payroll",
        "--deny",
        "statement",
    )
    said = cli("user", "add", "rita", *options, "--password-stdin", stdin=secret).stdout
    assert "user rita is a reader\n  sees source:shop -resource:payroll\n" in said
    assert "without statement, and so without raw" in said
    assert "an investigator" in cli("user", "add", "ines", "--role", "investigator",
                                    "--no-password").stdout  # fmt: skip
    found = cli.json("user", "list")["users"]
    assert [user["name"] for user in found] == ["ann", "ines", "rita"]
    assert found[2] | {"created": 0} == {
        "name": "rita", "role": "reader", "filter": "source:shop -resource:payroll",
        "deny": ["statement"], "created": 0,
    }  # fmt: skip
    assert re.search(
        r"rita +reader +source:shop -resource:payroll +statement", cli("user", "list").stdout
    )
    cli("user", "set", "RITA", "--deny", "", "--filter", "source:crm")
    assert cli.json("user", "show", "rita")["deny"] == []
    assert "sees source:crm" in cli("user", "show", "rita").stdout
    assert "reads no events" in cli("user", "set", "ines", "--role", "administrator").stdout
    cli("token", "issue", "--user", "rita")
    cli("user", "remove", "rita")
    assert cli.json("token", "list")["tokens"][0]["revoked"]
    for arguments in (
        ("add", "x"), ("add", "x", "--role", "root"), ("add", "a b", "--role", "reader"),
        ("add", "x", "--role", "reader", "--filter", "sorce:x"), ("show", "rita"),
        ("add", "x", "--role", "reader", "--filter", "word"), ("remove", "rita"), ("set", "ines"),
        ("add", "x", "--role", "reader", "--deny", "statment"), ("set", "rita", "--deny", "ip"),
        ("add", "x", "--role", "reader", "--deny", "time"), ("set", "ines", "--deny", "nothing"),
        ("add", "Ann", "--role", "reader"),
    ):  # fmt: skip
        cli("user", *arguments, *(("--no-password",) if arguments[0] == "add" else ()), rc=USAGE)
    acts = [e.what.action for e in cli.own() if e.what.resource_type == "user"]
    # a refused one stands twice: before it was tried, and with its reason
    assert acts[:8] == [
        "create user", "create user", "create user", "change user", "show", "show", "change user",
        "issue token",
    ]  # fmt: skip
    assert acts.count("remove user") == 1 + 2
    created = [e.content.statement for e in cli.own() if e.what.action == "create user"]
    assert "role 'reader', filter 'source:shop -resource:payroll', deny 'statement'" in created


def test_people(cli):
    assert cli("login", "ann", "--link").stdout.startswith("http://127.0.0.1:9460/login/")
    assert cli("login", "ann", "--link", "--server", "https://log.example/").stdout.startswith(
        "https://log.example/login/"
    )
    (cli.directory / "whodid.toml").write_text(
        '[server]\nhost = "0.0.0.0"\nport = 9999\nplain_http = true\n'
    )
    assert cli("login", "ann", "--link").stdout.startswith("http://localhost:9999/login/")
    (cli.directory / "whodid.toml").unlink()
    assert "no user 'bob'" in cli("login", "bob", "--link", rc=USAGE).stderr
    cli("passwd", "ann", "--password-stdin", stdin="another one\n")
    cli("passwd", "ann", stdin="typed twice\ntyped twice\n")
    cli("passwd", "ann", stdin="typed twice\nnot so\n", rc=FINDING)
    unknown = cli("passwd", "bob", stdin="typed twice\ntyped twice\n", rc=USAGE)
    assert "no user 'bob'" in unknown.stderr
    assert "assword:" not in unknown.stdout + unknown.stderr, "nothing was asked for"


# --- verify --------------------------------------------------------------------------------------


def test_verify_document(shared):
    document = shared.json("verify", shared.directory)
    assert {"ok", "leaves", "faults", "rollback"} <= set(document)
    assert document["ok"] is True
    assert document["faults"] == []
    assert document["leaves"] >= 6
    assert "✓" in shared("verify", shared.directory).stdout


def test_verify_takes_the_folder_from_the_environment(shared):
    assert "rollback" in shared("verify").stdout
    assert shared("verify", rc=USAGE, WHODID_DIR=None).stdout == ""


def test_verify_names_what_was_altered(cli):
    cli.ingest({"id": "1", "userId": "bob", "action": "READ"})
    [wal] = sorted((cli.directory / "wal").iterdir())[:1]
    data = bytearray(wal.read_bytes())
    at = data.index(b"whodid") if b"whodid" in data else 2000
    data[at + 600] ^= 1
    wal.write_bytes(data)
    result = cli("verify", cli.directory, rc=FINDING)
    assert f"wal/{wal.name}" in result.stdout
    document = cli.json("verify", cli.directory, rc=FINDING)
    assert document["ok"] is False
    assert set(document["faults"][0]) == {"where", "entry", "problem"}


def test_verify_on_a_copy_without_keys_and_with_the_public_key_alone(shared, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(shared.directory, copy)
    document = shared.json("verify", copy)
    assert document["ok"]
    assert document["opened"] == document["leaves"]
    none = shared.json("verify", copy, "--index", rc=FINDING, WHODID_KEYS=str(tmp_path / "none"))
    assert not none["ok"], "whoever replaced all of it has signed it with another key"
    assert none["faults"] == []
    assert none["opened"] == 0
    assert "not checked" in none["rollback"]
    assert any("index: not compared" in thing for thing in none["not_opened"])
    [vkey] = (shared.folder / "keys").glob("*/log.vkey")
    public = shared.json(
        "verify", copy, "--pub", vkey, "--head", copy / "checkpoint",
        WHODID_KEYS=str(tmp_path / "none"),
    )  # fmt: skip
    assert public["ok"]
    assert public["opened"] == 0
    assert public["not_opened"]


def test_verify_names_a_manifest_that_is_altered_or_gone(shared, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(shared.directory, copy)
    whole = (copy / "manifest").read_bytes()
    for content in (b"", b"x", whole[:-9], whole.replace(b"a", b"b"), None):
        (copy / "manifest").unlink()
        if content is not None:
            (copy / "manifest").write_bytes(content)
        document = shared.json("verify", copy, rc=FINDING)
        assert document["ok"] is False
        assert "manifest" in {fault["where"] for fault in document["faults"]}, content
        assert "manifest" in shared("verify", copy, rc=FINDING).stdout


def test_verify_with_files_that_cannot_be_read(shared, tmp_path):
    assert "no ledger" in shared("verify", tmp_path, rc=USAGE).stderr
    for option in ("--pub", "--head"):
        result = shared("verify", shared.directory, option, tmp_path / "nothing", rc=UNREADABLE)
        assert "cannot be read" in result.stderr
        (tmp_path / "rubbish").write_bytes(b"\xff\0rubbish")
        shared("verify", shared.directory, option, tmp_path / "rubbish", rc=UNREADABLE)
    (tmp_path / "text").write_text("no key")
    shared("verify", shared.directory, "--pub", tmp_path / "text", rc=UNREADABLE)


def test_tiles(shared, tmp_path):
    out = tmp_path / "out"
    assert str(out) in shared("tiles", shared.directory, "--out", out).stdout
    assert {path.name for path in out.iterdir()} == {"checkpoint", "tile"}
    assert list((out / "tile" / "entries").rglob("*"))
    assert list((out / "tile" / "0").rglob("*"))
    shared("tiles", shared.directory, "--out", out, rc=USAGE)
    shared("tiles", tmp_path, "--out", tmp_path / "other", rc=USAGE)
    copy = tmp_path / "copy"
    shutil.copytree(shared.directory, copy)
    shared("tiles", copy, "--out", tmp_path / "of-a-copy", WHODID_KEYS=str(tmp_path / "none"))


# --- copies --------------------------------------------------------------------------------------


def test_a_copy_is_refused_for_anything_that_writes(shared, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(shared.directory, copy)
    for command in (
        ("search", ""), ("source", "list"), ("source", "add", "x"), ("token", "list"),
        ("ingest", "--source", "json", "-"), ("login", "ann", "--link"), ("show", "x"),
        ("serve", "--port", "0"),
    ):  # fmt: skip
        result = shared(*command, "--dir", copy, rc=FINDING, stdin="{}")
        assert "read-only copy" in result.stderr, command
        assert result.stdout == ""


def test_without_its_keys_a_ledger_says_where_they_belong(shared, tmp_path):
    result = shared("search", "", rc=FINDING, WHODID_KEYS=str(tmp_path))
    assert "the keys of this ledger are not on this machine" in result.stderr
    assert str(tmp_path) in result.stderr


# --- serve's refusals ----------------------------------------------------------------------------


def test_serve_refuses_addresses_that_others_reach(shared):
    for host in ("0.0.0.0", "::", "192.0.2.1", "2001:db8::1"):
        assert "--plain-http" in shared("serve", "--host", host, rc=USAGE).stderr
    assert "not an IP address" in shared("serve", "--host", "example.com", rc=USAGE).stderr
    assert "--plain-http" in shared("demo", "--host", "0.0.0.0", rc=USAGE).stderr


def test_serve_on_a_port_in_use(shared):
    import socket

    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        result = shared("serve", "--port", port, rc=USAGE)
        assert f"port {port}" in result.stderr
        assert "--port" in result.stderr
        assert f"port {port}" in shared("serve", rc=USAGE, PORT=str(port)).stderr


def test_a_demo_does_not_touch_a_folder_that_is_none(bare, tmp_path):
    (tmp_path / "demo").mkdir()
    result = bare("demo", "--dir", tmp_path / "demo", "--no-serve", rc=USAGE)
    assert "not a finished demo" in result.stderr
