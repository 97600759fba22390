"""Every kind against the reference, in any order within the lateness, at any clock."""

from hypothesis import given, settings
from hypothesis import strategies as st

from correlation_kit import END_US, START, S, correlation, engine, record, rule, told
from correlation_reference import Seen, expected

RULES = ("a", "b", "c")
LATENESS = 30


@st.composite
def histories(draw, *, several=False, numbers=False):
    """Events of few people at few times, so that bounds are met: [(delay, Seen)]."""
    size = draw(st.integers(1, 30))
    events = []
    for number in range(size):
        at = draw(st.integers(0, 150))
        names = draw(st.sets(st.sampled_from(RULES), min_size=1, max_size=3 if several else 1))
        values = st.integers(-3, 20) if numbers else st.sampled_from(["x", "y", "z", "w"])
        value = tuple(dict.fromkeys(draw(st.lists(values, min_size=1, max_size=2))))
        key = (draw(st.sampled_from(["ann", "bob"])),)
        delay = draw(st.integers(0, LATENESS))
        events.append((delay, Seen(at, number, key, frozenset(names), value)))
    return events


def arrive(events, *, numbers=False):
    """Records in the order in which they are received."""
    order = sorted(events, key=lambda item: item[1].at + item[0])
    return [
        record(
            entry, seen.at, sorted(seen.rules), number=seen.number, received_s=seen.at + delay,
            user=seen.key[0], **({"n": list(seen.value)} if numbers else {"v": list(seen.value)}),
        )
        for entry, (delay, seen) in enumerate(order)
    ]  # fmt: skip


def found_by(rules, records):
    eng = engine(rules, lateness_s=LATENESS)
    found = eng.feed(records) + eng.close(END_US)
    assert not any(finding.late for finding in found)
    return found, eng


def short(findings):
    return sorted((round(t), k, ids, stage) for _, t, k, ids, stage in map(told, findings))


COMPARES = st.lists(
    st.tuples(st.sampled_from(["gt", "gte", "lt", "lte", "eq", "neq"]), st.integers(0, 8)),
    min_size=1, max_size=2, unique_by=lambda item: item[0],
)  # fmt: skip
SPANS = st.integers(1, 60)


def same_as_reference(kind, history, span, compare=(), rules=RULES, *, numbers=False, **more):
    base = [rule(name) for name in RULES]
    options = {k: v for k, v in more.items() if k in ("minimum", "expect")}
    if "learn" in more:
        options["learn"] = f"{more['learn']}s"
    fields = ("n",) if numbers else ("v",) if kind in ("value_count", "new_value") else ()
    root = correlation(
        kind, rules, span, fields=fields, percent=more.get("percent", 50), options=options,
        words=more.get("words", ""), **dict(compare),
    )  # fmt: skip
    found, _ = found_by([*base, root], arrive(history, numbers=numbers))
    wanted = set(rules)
    events = [
        Seen(seen.at, seen.number, seen.key, seen.rules & wanted, seen.value)
        for _, seen in history
        if seen.rules & wanted
    ]
    assert short(found) == expected(kind, events, span, list(rules), compare=compare, **more)
    assert all(finding.why for finding in found)


@given(histories(several=True), SPANS, COMPARES)
def test_event_count(history, span, compare):
    same_as_reference("event_count", history, span, compare)


@given(histories(), SPANS, COMPARES)
def test_value_count(history, span, compare):
    same_as_reference("value_count", history, span, compare)


@given(histories(numbers=True), SPANS, COMPARES, st.sampled_from(["value_sum", "value_avg"]))
def test_sum_and_mean(history, span, compare, kind):
    same_as_reference(kind, history, span, compare, numbers=True)


@given(histories(numbers=True), SPANS, COMPARES, st.integers(0, 100))
def test_percentiles(history, span, compare, percent):
    same_as_reference("value_percentile", history, span, compare, numbers=True, percent=percent)
    same_as_reference("value_median", history, span, compare, numbers=True)


@given(histories(several=True), SPANS)
def test_temporal(history, span):
    same_as_reference("temporal", history, span)


@given(histories(several=True), SPANS, st.integers(1, 3))
def test_temporal_with_so_many_of_the_rules(history, span, least):
    same_as_reference("temporal", history, span, (("gte", least),))


@given(histories(several=True), SPANS, st.sampled_from(["a and (b or c)", "a or b and c", "c"]))
def test_temporal_with_words(history, span, words):
    same_as_reference("temporal", history, span, words=words)


JUDGED = st.sampled_from([
    ("a and not b", "a"), ("(a or b) and not c", "ab"), ("a and not (b and c)", "a"),
    ("a and b and not c", "ab"), ("a and not b or c", "ac"), ("not (b or not a)", "a"),
    ("a and not a or b and not c", "ab"),
])  # fmt: skip


@given(histories(several=True), SPANS, JUDGED)
def test_temporal_with_not(history, span, asked):
    words, judged = asked
    same_as_reference("temporal", history, span, words=words, judged=frozenset(judged))


@settings(max_examples=60)
@given(histories(), SPANS, st.sampled_from([("a", "b"), ("b", "a", "c"), ("c", "a", "c")]))
def test_temporal_ordered(history, span, rules):
    base = [rule(name) for name in RULES]
    found, _ = found_by([*base, correlation("temporal_ordered", rules, span)], arrive(history))
    events = [seen for _, seen in history if seen.rules & set(rules)]
    wanted = expected("temporal_ordered", events, span, list(rules))
    begun = {seen.number: seen.at for seen in events}
    # of several chains that began at the same time any may be shown
    assert [(t, k, begun[ids[0]], len(ids)) for t, k, ids, _ in short(found)] == [
        (t, k, begun[ids[0]], len(ids)) for t, k, ids, _ in wanted
    ]
    for finding in found:
        times = [match.time_us for match in finding.matches]
        assert times == sorted(times)


@given(histories(several=True), SPANS, COMPARES.map(lambda c: [(op, n / 8) for op, n in c]),
       st.integers(1, 5))  # fmt: skip
def test_ratio(history, span, compare, minimum):
    same_as_reference("ratio", history, span, compare, ("a", "b"), minimum=minimum)


@given(histories(several=True), SPANS)
def test_absence_before(history, span):
    same_as_reference("absence", history, span, (), ("a", "b"), expect="before")


@given(histories(several=True), SPANS, st.sampled_from([("a", "b"), ("a",)]))
def test_absence_after(history, span, rules):
    same_as_reference("absence", history, span, (), rules, expect="after")


@given(histories(), SPANS, st.integers(0, 20))
def test_new_value(history, span, learn):
    base = [rule(name) for name in RULES]
    options = {"learn": f"{learn}s"}
    root = correlation("new_value", RULES, span, fields=("v",), options=options)
    found, _ = found_by([*base, root], arrive(history))
    assert short(found) == expected("new_value", [s for _, s in history], span, RULES, learn=learn)


def test_time_is_in_microseconds_and_both_ends_belong_to_a_window():
    rules = [rule("a"), correlation("event_count", ["a"], 10, gte=2)]
    inside = [record(0, 0, user="ann"), record(1, 10, user="ann")]
    outside = [record(0, 0, user="ann"), record(1, 10.000001, user="ann")]
    assert [told(f) for f in engine(rules).feed(inside) + engine(rules).close(END_US)] == []
    found, _ = found_by(rules, inside)
    assert [told(f) for f in found] == [("found", 10.0, ("ann",), (0, 1), "final")]
    assert found_by(rules, outside)[0] == []
    assert START % (10 * S) == 0
