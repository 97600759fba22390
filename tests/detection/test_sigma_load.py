"""Files of Sigma rules become rules and faults with their lines; nothing hostile gets through."""

import textwrap
from pathlib import Path

import pytest

from rule_kit import LOGIN_RULE, loaded_of
from whodid.detection.rule import All, AnyOf, Not, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.sigma import load_rules
from whodid.errors import InputError


def _node(tmp_path: Path, detection: str):
    text = "title: t\nlogsource: {product: x}\ndetection:\n" + textwrap.indent(
        textwrap.dedent(detection), "  "
    )
    loaded = loaded_of(tmp_path, text)
    assert not loaded.faults, loaded.faults[0]
    [rule] = loaded.rules
    assert isinstance(rule, Rule)
    return rule.node


def _fault(tmp_path: Path, detection: str) -> str:
    text = "title: t\nlogsource: {product: x}\ndetection:\n" + textwrap.indent(
        textwrap.dedent(detection), "  "
    )
    loaded = loaded_of(tmp_path, text)
    assert not loaded.rules
    [fault] = loaded.faults
    return f"{fault.line}: {fault.reason}"


def test_a_rule_is_read_whole(tmp_path: Path) -> None:
    [rule] = loaded_of(tmp_path, LOGIN_RULE).rules
    assert isinstance(rule, Rule)
    assert rule.head.id == "11111111-1111-4111-8111-111111111111"
    assert (rule.head.title, rule.head.level, rule.head.line) == ("Somebody logs in", "low", 1)
    assert rule.source.service == "cloudtrail"
    assert rule.node == Look("eventName", "equals", "ConsoleLogin")
    assert not rule.silent


@pytest.mark.parametrize(
    ("item", "node"),
    [
        ("f: a", Look("f", "equals", "a")),
        ("f: 'a*'", Look("f", "startswith", "a")),
        (r"f: 'a\*'", Look("f", "equals", "a*")),
        (r"f: 'a\\*'", Look("f", "startswith", "a\\")),
        (r"f: 'a\b'", Look("f", "equals", r"a\b")),
        ("f: '*a'", Look("f", "endswith", "a")),
        ("f: 'a?c'", Look("f", "pattern", ("a", True, "c"))),
        ("f: '**a**b'", Look("f", "pattern", (None, "a", None, "b"))),
        ("f|contains: a", Look("f", "contains", "a")),
        ("f|cased: A", Look("f", "equals", "A", cased=True)),
        ("f|contains|cased: A", Look("f", "contains", "A", cased=True)),
        ("f: ''", Look("f", "equals", "")),
        ("f: null", Look("f", "null", None)),
        ("f: []", Look("f", "null", None)),
        ("f: 5", Look("f", "equals", 5)),
        ("f: 5.5", Look("f", "equals", 5.5)),
        ("f: true", Look("f", "equals", True)),
        ("f|exists: true", Look("f", "exists", True)),
        ("f|exists: false", Look("f", "exists", False)),
        ("f|gt: 5", Look("f", "gt", 5)),
        ("f|neq: 5", Not(Look("f", "equals", 5))),
        ("f|cidr: 10.0.0.0/9", Look("f", "cidr", "10.0.0.0/9")),
        ("f|re: 'a.*b|c'", Look("f", "regex", "a.*b|c", cased=True)),
        ("f|re|i: 'a'", Look("f", "regex", "(?i)a", cased=True)),
        ("f|re|i|m|s: 'a'", Look("f", "regex", "(?ims)a", cased=True)),
        ("f|re: 5", Look("f", "regex", "5", cased=True)),
        ("f|fieldref: g", Look("f", "fieldref", "g")),
        ("f|fieldref|startswith: g", Look("f", "fieldref_startswith", "g")),
        ("f|fieldref|endswith: g", Look("f", "fieldref_endswith", "g")),
        ("f|hour: 3", Look("f", "equals", 3, part="hour")),
        ("f|hour|gte: 22", Look("f", "gte", 22, part="hour")),
        ("f|base64: foobar", Look("f", "equals", "Zm9vYmFy")),
        ("f|utf16le|base64: ab", Look("f", "equals", "YQBiAA==")),
        ("f|wide|base64: ab", Look("f", "equals", "YQBiAA==")),
        ("f|utf16be|base64: ab", Look("f", "equals", "AGEAYg==")),
        ("f|utf16|base64: ab", Look("f", "equals", "//5hAGIA")),
    ],
)
def test_modifiers_and_values(tmp_path: Path, item: str, node: object) -> None:
    assert _node(tmp_path, f"s:\n  {item}\ncondition: s") == node


def test_modifiers_that_expand_are_any_of(tmp_path: Path) -> None:
    offsets = _node(tmp_path, "s: {'f|base64offset|contains|all': [foo, bar]}\ncondition: s")
    assert isinstance(offsets, All)
    assert all(isinstance(it, AnyOf) and len(it.items) == 3 for it in offsets.items)
    dashes = _node(tmp_path, "s: {'f|windash|contains': ' -x'}\ncondition: s")
    assert isinstance(dashes, AnyOf)
    assert {it.value for it in dashes.items} == {f" {it}x" for it in "-/\u2013\u2014\u2015"}


def test_lists_maps_and_conditions(tmp_path: Path) -> None:
    a, b, c = (Look(name, "equals", 1) for name in "abc")
    made = _node(tmp_path, "s: {a: 1, b: 1}\nt: [{a: 1}, {b: 1}]\ncondition: s and not t")
    assert made == All((All((a, b)), Not(AnyOf((a, b)))))
    head = "s_a: {a: 1}\ns_b: {b: 1}\n_c: {c: 1}\n"
    assert _node(tmp_path, head + "condition: 1 of s_*") == AnyOf((a, b))
    assert _node(tmp_path, head + "condition: all of them") == All((a, b))
    assert _node(tmp_path, head + "condition: 1 of _*") == c
    assert _node(tmp_path, head + "condition: s_a or s_b and not _c") == AnyOf(
        (a, All((b, Not(c))))
    )
    assert _node(tmp_path, head + "condition: (s_a or s_b) and _c") == All((AnyOf((a, b)), c))
    assert _node(tmp_path, head + "condition: [s_a, s_b and _c]") == AnyOf((a, All((b, c))))


def test_names_are_texts_whatever_yaml_thinks_of_them(tmp_path: Path) -> None:
    made = _node(tmp_path, "off: {on: 1, 5: x}\ncondition: not off")
    assert made == Not(All((Look("on", "equals", 1), Look("5", "equals", "x"))))


def test_keywords_look_everywhere(tmp_path: Path) -> None:
    made = _node(tmp_path, "k: [a, 'b*c', 5]\ncondition: k")
    assert made == AnyOf(
        (
            Look(None, "contains", "a"),
            Look(None, "pattern", (None, "b", None, "c", None)),
            Look(None, "contains", "5"),
        )
    )
    both = _node(tmp_path, "k: {'|all': [a, b]}\ncondition: k")
    assert both == All((Look(None, "contains", "a"), Look(None, "contains", "b")))


@pytest.mark.parametrize(
    ("detection", "said"),
    [
        ("s: {f: 1}\ncondition: s | count() > 5", "4: aggregations"),
        ("s: {f: 1}\ncondition: t", "5: the condition names `t`"),
        ("s: {f: 1}\ncondition: 1 of t*", "5: the condition names `t*`"),
        ("s: {f: 1}\ncondition: s and", "5: the condition 's and' is not understood"),
        ("s: {f: 1}", "3: there is no `condition`"),
        ("condition: s", "3: there is no selection"),
        ("s: {f|nope: 1}\ncondition: s", "4: `s`: Unknown modifier"),
        ("s: {f|expand: '%admins%'}\ncondition: s", "placeholder %admins%"),
        ("s: {f|re: '(?=a)b'}\ncondition: s", "is not RE2's"),
        ("s: {f|re: '(a'}\ncondition: s", "is not RE2's"),
        ("s: {f|cidr: 10.0.0.1/8}\ncondition: s", "Invalid CIDR"),
        ("s: {f|gt: a}\ncondition: s", "incompatible"),
        ("s: {f: {g: 1}}\ncondition: s", "a value is plain"),
        ("s: {f: [[1]]}\ncondition: s", "a value is plain"),
        ("s: {}\ncondition: s", "`s`: Detection is empty"),
        ("s:\n  f|re: x\n  f|re: y\ncondition: s", "stands twice"),
    ],
)  # fmt: skip
def test_a_bad_rule_says_where_and_why(tmp_path: Path, detection: str, said: str) -> None:
    found = _fault(tmp_path, detection)
    assert said.partition(": ")[2 if said[0].isdigit() else 0] in found or said in found


def test_the_line_of_a_fault_is_the_selections(tmp_path: Path) -> None:
    assert _fault(tmp_path, "s:\n  f: 1\nt:\n  g|nope: 1\ncondition: s").startswith("6: ")
    assert _fault(tmp_path, "s:\n  f: 1\ncondition: u").startswith("6: ")


def test_a_bad_document_takes_no_other_along(tmp_path: Path) -> None:
    loaded = loaded_of(
        tmp_path,
        f"title: [\n---\n{LOGIN_RULE}---\njust text\n---\ntitle: nothing\n",
        b="title: No detection\nlogsource: {product: x}\n",
    )
    assert [rule.head.line for rule in loaded.rules] == [3]
    assert [(Path(it.path).name, it.line) for it in loaded.faults] == [
        ("a.yml", 1), ("a.yml", 13), ("a.yml", 15), ("b.yml", 1),
    ]  # fmt: skip


def test_what_is_no_text_is_a_fault_of_its_file(tmp_path: Path) -> None:
    loaded = loaded_of(tmp_path, b"title: \xff\xfe", b=LOGIN_RULE)
    assert len(loaded.rules) == 1
    assert "not UTF-8" in loaded.faults[0].reason
    with pytest.raises(InputError, match="no such file"):
        load_rules([tmp_path / "nothing"])


_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_BOMB, "aliases counted"),
        ("a: &a [*a]", "stands for itself"),
        ("a: *b", "stands for nothing"),
        ("[" * 100_000, "nest"),
        ("- " * 100_000, "nested deeper"),
        ("a: {" * 5000, "nest"),
        ("? [a]\n: b", "a key is a list"),
        ("!!python/object/apply:os.system ['true']", "not plain data"),
        ("a: " + "9" * 10_000, "digits"),
        ("a: \x01", "control characters"),
        ("a: 1\na: 2", "stands twice"),
    ],
)
def test_hostile_yaml(tmp_path: Path, text: str, said: str) -> None:
    loaded = loaded_of(tmp_path, text.encode(), b=LOGIN_RULE)
    assert len(loaded.rules) == 1
    assert said in loaded.faults[0].reason


def test_hostile_conditions_and_lists_end(tmp_path: Path) -> None:
    deep = "(" * 2000 + "s" + ")" * 2000
    assert "nested deeper" in _fault(tmp_path, f"s: {{f: 1}}\ncondition: {deep}")
    assert "nested deeper" in _fault(tmp_path, f"s: {{f: 1}}\ncondition: {'not ' * 900}s")
    assert "more than" in _fault(tmp_path, f"s: {{f: 1}}\ncondition: {'s or ' * 2000}s")
    many = ", ".join(f"v{number}" for number in range(1000))
    named = " or ".join(["1 of *"] * 200)
    assert "values" in _fault(tmp_path, f"s: {{f: [{many}]}}\ncondition: {named}")
    stars = "1 of " + "*a" * 1000
    assert "is called so" in _fault(tmp_path, f"{'a' * 500}: {{f: 1}}\ncondition: {stars}")
    assert "is not RE2's" in _fault(tmp_path, "s: {f|re: '((a{999}){999}){999}'}\ncondition: s")


def test_hostile_files_and_expansions_end(tmp_path: Path) -> None:
    loaded = loaded_of(tmp_path, b"---\na\n" * 50_000, b=LOGIN_RULE)
    assert len(loaded.rules) == 1
    assert "documents" in loaded.faults[0].reason
    loaded = loaded_of(tmp_path, b"#" * (2 * 1024 * 1024 + 1), b=LOGIN_RULE)
    assert len(loaded.rules) == 1
    assert "bytes" in loaded.faults[0].reason
    (tmp_path / "b.yml").unlink()
    many = ", ".join(f"' -a{number} -b -c'" for number in range(1000))
    assert "windash" in _fault(tmp_path, f"s: {{f|windash|contains: [{many}]}}\ncondition: s")
    long = "a?" * 5000
    assert "at most" in _fault(tmp_path, f"s: {{f: '{long}'}}\ncondition: s")


def test_which_files_are_rules(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/a.yml").write_text("no rule")
    (tmp_path / "notes.txt").write_text("no rule")
    (tmp_path / "below").mkdir()
    (tmp_path / "below/b.YAML").write_text(LOGIN_RULE)
    (tmp_path / "loop").symlink_to(tmp_path)
    loaded = load_rules([tmp_path, tmp_path / "below/b.YAML"])
    assert len(loaded.rules) == 1
    [fault] = loaded.faults
    assert (fault.path, fault.warning) == (str(tmp_path / "loop"), True)
    assert "not followed" in fault.reason
    assert loaded.rules[0].head.path == str(tmp_path / "below/b.YAML")


def test_aliases_and_merged_keys_are_read(tmp_path: Path) -> None:
    text = """\
    title: t
    logsource: &l {product: x}
    related: *l
    detection:
      s: &s {f: 1}
      t: {<<: *s, g: 2}
      condition: t
    """
    [rule] = loaded_of(tmp_path, text).rules
    assert set(rule.node.items) == {Look("f", "equals", 1), Look("g", "equals", 2)}


def test_names_and_ids_stand_once(tmp_path: Path) -> None:
    loaded = loaded_of(tmp_path, LOGIN_RULE, b=LOGIN_RULE)
    assert len(loaded.rules) == 1
    assert "is already the rule" in loaded.faults[0].reason


def test_old_files_with_actions(tmp_path: Path) -> None:
    text = """\
    action: global
    title: shared
    logsource: {product: x}
    detection: {condition: s}
    ---
    detection: {s: {f: 1}}
    ---
    action: repeat
    name: other
    detection: {s: {f: 2}}
    ---
    action: reset
    ---
    title: alone
    """
    loaded = loaded_of(tmp_path, text)
    assert [rule.node for rule in loaded.rules] == [
        Look("f", "equals", 1), Look("f", "equals", 2),
    ]  # fmt: skip
    assert [it.line for it in loaded.faults] == [14]


def test_odd_heads_load(tmp_path: Path) -> None:
    odd = "level: grave\ntags: attack.t1078\nfalsepositives: none"
    text = LOGIN_RULE.replace("level: low", odd)
    loaded = loaded_of(tmp_path, text)
    assert loaded.rules[0].head.level == "medium"
    assert loaded.rules[0].head.tags == ("attack.t1078",)
    assert loaded.faults[0].warning
    assert loaded.faults[0].line == 9
    [other] = loaded_of(
        tmp_path, LOGIN_RULE.replace("11111111-1111-4111-8111-111111111111", "not-a-uuid")
    ).rules
    assert other.head.id == "not-a-uuid"


def test_the_cache_gives_the_same_rules(tmp_path: Path) -> None:
    folder, cache = tmp_path / "rules", tmp_path / "cache"
    folder.mkdir()
    (folder / "a.yml").write_text(
        LOGIN_RULE.replace("ConsoleLogin", "'Con*Log?n'") + "---\ntitle: broken\n"
        "---\ntitle: big\nlogsource: {product: x}\n"
        "detection: {s: {f: 123456789012345678901234567890}, condition: s}\n"
    )
    first = load_rules([folder], cache)
    kept = [it for it in cache.rglob("*") if it.is_file()]
    assert len(kept) == 3
    assert load_rules([folder], cache) == first
    for path in kept:
        path.write_bytes(path.read_bytes()[:-3])
    assert load_rules([folder], cache) == first
    hash(first.rules[0].node)


def test_an_id_that_a_global_document_gives_names_the_first_rule(tmp_path: Path) -> None:
    text = (
        "title: G\nid: 11111111-1111-4111-8111-111111111111\naction: global\n---\n"
        "logsource: {product: x}\ndetection: {s: {a: 1}, condition: s}\n---\n"
        "logsource: {product: x}\ndetection: {s: {b: 1}, condition: s}\n"
    )
    loaded = loaded_of(tmp_path, text)
    assert not loaded.faults
    first, second = loaded.rules
    assert first.head.id == "11111111-1111-4111-8111-111111111111"
    assert second.head.id not in {"", first.head.id}
