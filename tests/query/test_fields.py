import pytest

from whodid.query.fields import SEARCH_FIELDS, suggest, suggest_of

# DESIGN section 5: what the key index holds
EXACT = (
    "actor", "on_behalf_of", "action", "access", "resource", "resources", "outcome",
    "correlation", "trace", "session", "request", "service", "source",
)  # fmt: skip
WORDS = ("message", "statement", "reason", "agent", "endpoint", "params", "changes", "quarantine")


def test_kinds():
    assert {SEARCH_FIELDS[name].kind for name in EXACT} == {"exact"}
    assert {SEARCH_FIELDS[name].kind for name in WORDS} == {"words"}
    assert SEARCH_FIELDS["ip"].kind == "ip"
    assert SEARCH_FIELDS["time"].kind == SEARCH_FIELDS["received"].kind == "time"
    assert SEARCH_FIELDS["_erased"].kind == "state"


def test_aliases():
    assert SEARCH_FIELDS["actor"].columns == ("actor.id", "actor.name")
    assert SEARCH_FIELDS["resource"].columns == ("resource.name", "resources")
    assert SEARCH_FIELDS["service"].columns == ("service.name",)
    assert SEARCH_FIELDS["source"].columns == ("source",)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("actr", "actor"),
        ("Resorce", "resource"),
        ("status", "outcome"),
        ("src_ip", "ip"),
        ("@timestamp", "time"),
        ("quarantined", "_quarantined"),
        ("qqqqqq", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_suggestions(name, meant):
    assert suggest(name) == meant


def test_suggestions_are_fields():
    from whodid.query.elsewhere import FIELDS_ELSEWHERE

    assert set(FIELDS_ELSEWHERE.values()) <= set(SEARCH_FIELDS)
    assert not set(FIELDS_ELSEWHERE) & set(SEARCH_FIELDS)
    assert suggest_of("sucess", ("success", "failure")) == "success"
