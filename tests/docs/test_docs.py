"""The documentation names everything that there is, and nothing that is not."""

import ast
import inspect
import re
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest

import metrics_kit
from whodid import limits
from whodid.api import make_api, operations, reply, rules
from whodid.cli.main import COMMANDS
from whodid.errors import WhodidError
from whodid.event import FIELDS
from whodid.normalize.registry import FORMATS
from whodid.sources import http

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted(DOCS.rglob("*.md"))
READ_FIRST = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md",
                                       "SECURITY.md", "CHANGELOG.md")]  # fmt: skip
WRITTEN_LATER = {"benchmarks/RESULTS.md"}  # by `make bench`
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def reference(name):
    return (REFERENCE / f"{name}.md").read_text("utf-8")


def named(page):
    """Everything in backticks in the first cell of a table's row."""
    return {
        name
        for cell in re.findall(r"^\|([^|]*)\|", page, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", cell)
    }


def commands():
    for name in COMMANDS:
        command = import_module(f"whodid.cli.{name}_command").command
        subcommands = command.commands.values() if isinstance(command, click.Group) else ()
        yield name, [command, *subcommands]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_option_is_in_the_reference(name):
    section = re.search(
        rf"^## {name}\n(.*?)(?=^## |\Z)", reference("cli"), re.DOTALL | re.MULTILINE
    )
    assert section, f"docs/reference/cli.md has no section {name}"
    family = dict(commands())[name]
    real = {
        option
        for command in family
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    said = {item for text in named(section[1]) for item in re.findall(r"--[\w-]+", text)}
    assert said == real
    for command in family[1:]:
        assert f"`whodid {name} {command.name}" in section[1]


def test_the_reference_has_no_command_that_is_not():
    assert re.findall(r"^## (.+)$", reference("cli"), re.MULTILINE) == list(COMMANDS)


def test_each_format_has_its_row_and_section():
    page = reference("formats")
    rows = named(page.partition("\n## ")[0])
    assert rows == {known.name for known in FORMATS}
    for known in FORMATS:
        assert f"\n## `{known.name}`\n" in page


def test_each_label_of_the_formats_is_explained():
    page = reference("formats").partition("## Labels")[2].partition("\n## ")[0]
    kinds = set()
    for file in (ROOT / "src/whodid/normalize").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            text = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
            value = text.value if isinstance(text, ast.Constant) else None
            if isinstance(value, str):
                kinds |= set(re.findall(r"\A([a-z_]+):(?:[a-z_0-9]*)\Z", value))
    assert {"missing", "assumed", "cut", "repeated"} <= kinds
    kinds -= {"region"}  # a label of a resource
    kinds -= {"system"}  # accounts of Kubernetes
    kinds -= {"error", "fatal", "input_userauth_request"}  # words of sshd
    for kind in kinds:
        assert f"`{kind}:" in page, f"docs/reference/formats.md does not explain {kind}:"


def test_each_limit_is_there_with_its_value(limits_page):
    fresh = limits_page.render()
    for name in (name for name in vars(limits) if name.isupper()):
        assert f"| `{name}` |" in fresh, f"{name} has no sentence"
    assert reference("limits") == fresh, "run `python tests/docs/limits_page.py`"


def _codes(kind):
    yield kind.code
    for below in kind.__subclasses__():
        if below.__module__.startswith("whodid"):
            yield from _codes(below)


def test_each_error_code_is_there():
    sources = "".join(inspect.getsource(module) for module in (http, make_api, operations, reply))
    written = re.findall(r"error_(?:reply|document)\(\s*\d+,\s*\"(\w+)\"", sources)
    assert {"method", "internal", "slow"} <= set(written)
    assert {*_codes(WhodidError), *written} <= named(reference("errors"))


def test_each_exit_code_is_right():
    rows = re.findall(r"^\| `(\w+)` \| (\d) \|", reference("errors"), re.MULTILINE)
    assert len(rows) > 5
    kinds = [WhodidError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    exits = {kind.code: kind.exit_code for kind in kinds}
    assert {code: int(number) for code, number in rows} == {code: exits[code] for code, _ in rows}


def test_each_address_is_there():
    does = operations.Operations.__new__(operations.Operations)
    of_rules = rules.RulesApi.__new__(rules.RulesApi)
    table = [*make_api._table(does), *make_api._detection(of_rules)]
    real = {f"{item.method} {item.path.replace(':path}', '}')}" for item, _ in table}
    real |= {"GET /openapi.json", f"POST {http.PATH}"}
    first = reference("http").partition("\n## ")[0]
    assert named(first) == real
    for parameter in operations.SEARCH_PARAMETERS:
        assert f"| `{parameter}` |" in reference("http")


def test_each_metric_is_there():
    from whodid.api.integrity_metrics import integrity_metrics
    from whodid.api.metrics import log_metrics
    from whodid.app.answer import Health
    from whodid.app.integrity_answer import NOTHING_KNOWN

    health = Health(
        ready=True, reasons=[], size=0, published=0, sealed=0, indexed=0, stopped=None
    )  # fmt: skip
    found = [*log_metrics(health, events=0, sources=0), *integrity_metrics(NOTHING_KNOWN)]
    for sample in metrics_kit.EVERYTHING:
        found += sample()
    real = {metric.name for metric in found}
    assert named(reference("metrics")) == real


def test_rules_watch_metrics_that_there_are():
    rules = (DOCS / "how-to/watch-the-server.md").read_text("utf-8")
    watched = set(re.findall(r"\bwhodid_[a-z_]+", rules))
    known = named(reference("metrics"))
    assert len(watched) > 10
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in watched} <= known


def test_each_field_of_the_event_is_there():
    from whodid.app.document import EVENT_KEYS

    assert set(FIELDS) <= named(reference("event"))
    for key in set(EVENT_KEYS) - set(FIELDS):
        assert f"`{key}`" in reference("event")


def test_each_environment_variable_is_there():
    real = {"PORT"}
    for file in (ROOT / "src").rglob("*.py"):
        real |= set(re.findall(r'"(WHODID_[A-Z]+)"', file.read_text("utf-8")))
    from whodid.config.settings import all_settings

    assert named(reference("configuration")) == real | set(all_settings())


def test_each_setting_is_there_with_its_default(settings_table):
    fresh = settings_table.render()
    assert fresh in reference("configuration"), "run `python tests/docs/settings_table.py`"


def test_each_file_of_a_ledger_is_there():
    from whodid.ledger import layout

    words = [value for name, value in vars(layout).items() if name.isupper()]
    files = {word for word in words if isinstance(word, str)}
    assert {word.rstrip("/") for word in named(reference("ledger-directory"))} >= files


def test_the_index_leads_to_each_page():
    index = DOCS / "README.md"
    linked = {(DOCS / link).resolve() for link in _LINK.findall(index.read_text("utf-8"))}
    assert set(PAGES) - {index} <= linked


@pytest.mark.parametrize(
    "page", [*READ_FIRST, *PAGES], ids=lambda page: str(page.relative_to(ROOT))
)
def test_no_link_is_broken(page):
    for link in _LINK.findall(page.read_text("utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        relative = target.relative_to(ROOT).as_posix()
        assert target.exists() or relative in WRITTEN_LATER, f"{page.name} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{page.name} links to {link}"


def _anchors(page):
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "page", [*READ_FIRST, *PAGES], ids=lambda page: str(page.relative_to(ROOT))
)
def test_no_page_knows_the_machine_it_was_written_on(page):
    for line in page.read_text("utf-8").splitlines():
        assert not re.search(r"/(home|root|work|Users|tmp)/", line), line


def test_the_floors_are_those_that_are_checked():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = next(found["layers"] for found in contracts["contracts"] if found["type"] == "layers")
    floors = [re.findall(r"whodid\.(\w+)", layer) for layer in reversed(layers)]
    real = {(str(number), room) for number, rooms in enumerate(floors) for room in rooms}
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", page, re.MULTILINE)
    assert {
        (number, room) for number, cell in rows for room in re.findall(r"`(\w+)`", cell)
    } == real
    folders = {file.parent.name for file in (ROOT / "src/whodid").glob("*/__init__.py")}
    assert folders - {room for _, room in real} == {"testing", "verifier"}


def test_the_readme_counts_the_formats():
    page = (ROOT / "README.md").read_text("utf-8")
    assert f"| {len(FORMATS)} formats" in page
    assert "Fourteen [formats]" in (DOCS / "tutorial/first-hour.md").read_text("utf-8")
    assert len(FORMATS) == 14, "the tutorial says fourteen"


def test_each_defence_says_what_tries_it_and_what_it_does_not_do():
    page = (DOCS / "explanation/threat-model.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!-|defence)(.+) \|$", page, re.MULTILINE)
    assert len(rows) > 30
    for row in rows:
        defence, stops, tried, leaves = row.split(" | ")
        assert stops.strip(), defence
        assert "](../../tests/" in tried, f"nothing tries: {defence}"
        assert len(leaves) > 20, f"what does it not do: {defence}"


def test_each_act_that_is_recorded_is_there():
    found = set()
    for file in sorted((ROOT / "src/whodid").rglob("*.py")):
        if "demo" not in file.relative_to(ROOT).parts:  # its acts are those of its story
            found |= set(_acts(ast.parse(file.read_text("utf-8"))))
    assert {"search", "integrity fault", "back up"} <= found
    page = (DOCS / "explanation/log-of-the-log.md").read_text("utf-8")
    assert {text for text in found if f"`{text}`" not in page} == set()


def _acts(module):
    """The first argument of each `Act(…)`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Act" and node.args:
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def test_each_rule_of_the_packs_is_there(rule_packs_page):
    assert reference("rule-packs") == rule_packs_page.render(), (
        "run `python tests/docs/rule_packs_page.py`"
    )
