"""What is offered at the caret of a search that is being typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import QueryError
from whodid.query.completion import _STAGES, Completion, complete, value_text
from whodid.query.countable import FUNCTIONS, PERCENTILES
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.parse import parse
from whodid.query.parse_pipes import _STAGES as PARSED
from whodid.query.tree import Term


def at_caret(text):
    """Complete at the `^` of a text."""
    at = text.index("^")
    return complete(text.replace("^", ""), at)


def put(text, number=0):
    """The text with one choice put in."""
    found = at_caret(text)
    plain = text.replace("^", "")
    return plain[: found.start] + found.choices[number].text + plain[found.end :]


def texts(found):
    return [choice.text for choice in found.choices]


@pytest.mark.parametrize(
    ("text", "put_in"),
    [
        ("out^", "outcome:"),
        ("access:read out^", "access:read outcome:"),
        ("-out^", "-outcome:"),
        ("NOT (out^", "NOT (outcome:"),
        ("(actor:a OR out^) rows:>1", "(actor:a OR outcome:) rows:>1"),
        ("ou^tcome:denied", "outcome:denied"),
        ("username^", "actor:"),
        ("outcome:den^", "outcome:denied"),
        ("outcome:d^enied actor:x", "outcome:denied actor:x"),
        ("outcome:=den^", "outcome:=denied"),
        ("OUTCOME:den^", "OUTCOME:denied"),
        ("outcome:(success OR den^", "outcome:(success OR denied"),
        ("outcome:(success) out^", "outcome:(success) outcome:"),
        ("_erased:t^", "_erased:true"),
        ("time:^", "time:[now-1h TO now]"),
        ("time:[now-7^", "time:[now-7d TO now]"),
        ("time:[now-7d TO now] out^", "time:[now-7d TO now] outcome:"),
        ('actor:"a b" out^', 'actor:"a b" outcome:'),
        ('actor:"out | of" out^', 'actor:"out | of" outcome:'),
        ("rows:^", "rows:>"),
        ("actor:x | ^", "actor:x | stats by ("),
        ("actor:x | so^", "actor:x | sort -"),
        ("| stats by (out^", "| stats by (outcome"),
        ("| stats by (actor, rece^) count()", "| stats by (actor, received:1h) count()"),
        ("| stats by (actor) cou^", "| stats by (actor) count()"),
        ("| stats by (actor) sum(ro^", "| stats by (actor) sum(rows)"),
        ("| stats by (actor) p95(by^", "| stats by (actor) p95(bytes)"),
        ("| stats by (actor) count() | sort -c^", "| stats by (actor) count() | sort -count"),
        ("actor:x | sort -byt^", "actor:x | sort -bytes"),
        ("actor:x | seq^", "actor:x | sequence by "),
        ("| sequence ^", "| sequence by "),
        ("| sequence by sess^", "| sequence by session ["),
        ("| sequence by actor ^", "| sequence by actor ["),
        ("| sequence by actor [out^", "| sequence by actor [outcome:"),
        (
            "| sequence by actor [outcome:den^] -> [a]",
            "| sequence by actor [outcome:denied] -> [a]",
        ),
        ("| sequence by actor [a time:[now-7^", "| sequence by actor [a time:[now-7d TO now]"),
        ("| sequence by actor [a] ^", "| sequence by actor [a] -> ["),
        ("| sequence by actor [a] -> [-out^", "| sequence by actor [a] -> [-outcome:"),
        ("| sequence by actor [a] -> [b] wi^", "| sequence by actor [a] -> [b] within "),
        ("| sequence by actor [a] -> [b] within 1^", "| sequence by actor [a] -> [b] within 1m"),
        (
            "| sequence by ip [a] -> [b] within 1h | li^",
            "| sequence by ip [a] -> [b] within 1h | limit ",
        ),
        ("actor:x | limit ^", "actor:x | limit 10"),
    ],
)
def test_what_fits_best(text, put_in):
    assert put(text) == put_in


@pytest.mark.parametrize(
    ("text", "field", "typed"),
    [
        ("actor:al^", "actor", "al"),
        ("actor:^", "actor", ""),
        ('resource:"my fi^', "resource", "my fi"),
        ("resource:(a OR b^", "resource", "b"),
        ("| sequence by ip [actor:al^] -> [b]", "actor", "al"),
        ("ip:10.^", "ip", "10."),
        ("agent:cur^", "agent", "cur"),
        ("actor:=al^", "actor", "al"),
        ("actor:a*^", None, "a*"),
        ("outcome:d^", None, "d"),
        ("rows:1^", None, "1"),
        ("message:x^", None, "x"),
        ("id:0^", None, "0"),
        ("actor:~al^", None, ""),
        ("nofield:x^", None, ""),
    ],
)
def test_values_of_the_log_that_would_fit(text, field, typed):
    found = at_caret(text)
    assert (found.field, found.typed) == (field, typed)


def test_operators_that_the_field_has():
    assert texts(at_caret("actor:^")) == ["*", "=", "~"]
    assert texts(at_caret("message:^")) == ["*", "=", "~"]
    assert texts(at_caret("ip:^")) == ["*"]
    assert texts(at_caret("_erased:^")) == ["true", "false", "*"]
    assert texts(at_caret("rows:^")) == [">", ">=", "<", "[1 TO 100]", "*"]
    assert texts(at_caret("actor:=^")) == []
    for name, field in SEARCH_FIELDS.items():
        for sign in texts(complete(f"{name}:", len(name) + 1)):
            value = "" if sign[-1] in "*]" or field.kind in {"time", "state"} else "1"
            parse(f"{name}:{sign}{'' if sign in field.values else value}")


def test_people_are_wanted_where_a_word_is_typed():
    assert at_caret("ali^").people
    assert at_caret("access:read -ali^").people
    for text in ("a^", "actor:ali^", "^", '"ali^', "| ali^", "resource:(ali^"):
        assert not at_caret(text).people


def test_nothing_is_offered_for_what_is_whole():
    assert texts(at_caret("outcome:denied^")) == []
    assert texts(at_caret("actor:x | limit 10 ^")) == []
    assert texts(at_caret("| stats by (actor) min(time) | sort nothing^")) == []


def test_before_anything_is_typed_the_usual_fields_are_there():
    assert texts(at_caret("^"))[:3] == ["actor:", "action:", "access:"]
    assert texts(at_caret("access:read ^")) == texts(at_caret("^"))


def test_every_field_is_found_by_its_name():
    for name in SEARCH_FIELDS:
        assert f"{name}:" in texts(complete(name, len(name)))


def test_every_stage_and_function_is_one_of_the_parser():
    for stage, _ in _STAGES:
        whole = {"stats": f"{stage}actor)", "sort": f"{stage}rows", "limit": f"{stage}10",
                 "sequence": f"{stage}actor [a] -> [b] within 5m"}  # fmt: skip
        parse(f"| {whole[stage.split()[0]]}")
    offered = {t.removesuffix("()").removesuffix("(") for t in texts(at_caret("| stats ^"))}
    assert offered == {"by ", *FUNCTIONS, *PERCENTILES}
    assert tuple(t.split(" ")[0] for t in texts(at_caret("| ^"))) == PARSED


PIECES = st.lists(
    st.sampled_from(
        ["|", "sequence", " by ", "actor", "[", "]", " -> ", "actor:", '"', " ", "within", "stats",
         "(", ")", "-", "out", "time:[now-1d TO "]
    )
).map("".join)  # fmt: skip


@given(st.text() | st.text('act:"()[]|-= by*\\<>') | PIECES, st.integers(-5, 90))
def test_any_text_at_any_place(text, at):
    found = complete(text, at)
    assert isinstance(found, Completion)
    assert 0 <= found.start <= found.end <= len(text)
    caret = max(0, min(at, len(text)))
    assert found.start <= caret <= found.end or not found.choices


@given(st.text(min_size=1))
def test_values_are_written_so_that_they_are_read_again(value):
    try:
        read = parse(f"actor:{value_text('actor', value)}").filter
    except QueryError:
        assert "\0" in value or any("\ud800" <= char <= "\udfff" for char in value)
        return
    assert read == Term("actor", "has", value)
