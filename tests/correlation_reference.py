"""What correlation must find, the slow and obvious way: the whole history, sorted, looked at again
for every moment. It shares nothing with the engine but the kinds' definition in the docs."""

import operator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from statistics import median

OPS = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge,
       "eq": operator.eq, "neq": operator.ne}  # fmt: skip
TOTALS = {"event_count", "value_count", "value_sum", "value_avg", "value_median",
          "value_percentile"}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """An event: time (s), id, key, the rules that match it, and what is counted."""

    at: int
    number: int
    key: tuple
    rules: frozenset
    value: object = None


def expected(kind, events, span, rules, *, compare=(), **more):
    """[(time, key, ids of events, stage)], sorted."""
    found = []
    for key in {event.key for event in events}:
        mine = sorted((e for e in events if e.key == key), key=lambda e: (e.at, e.number))
        if kind == "absence" and more.get("expect", "after") == "after":
            found += _absent(mine, span, rules, key)
        elif more.get("judged"):
            found += _judged(mine, span, key, **more)
        elif kind == "new_value":
            found += _new(mine, span, key, more.get("learn", 0))
        else:
            found += _windows(kind, mine, span, rules, compare, key, more)
    return sorted(found)


def _windows(kind, events, span, rules, compare, key, more):
    found, fired = [], None
    for now in sorted({e.at for e in events}):
        if fired is not None and now <= fired + span:
            continue
        window = [e for e in events if now - span <= e.at <= now]
        hits = _hits(kind, window, now, rules, compare, more)
        if not hits:
            continue
        fired = now
        found.append((now, key, tuple(e.number for e in hits), "final"))
        if kind in TOTALS:
            until = hits[0].at + span
            whole = [e for e in events if hits[0].at <= e.at <= until]
            if len(whole) > len(hits):
                found.append((until, key, tuple(e.number for e in whole), "total"))
    return found


def _hits(kind, window, now, rules, compare, more):
    def holds(number):
        return all(OPS[op](number, bound) for op, bound in compare)

    if kind == "event_count":
        return window if holds(len(window)) else []
    if kind == "value_count":
        return window if holds(len({v for e in window for v in e.value})) else []
    if kind == "value_sum":
        return window if holds(sum(Fraction(v) for e in window for v in e.value)) else []
    if kind == "value_avg":
        numbers = [Fraction(v) for e in window for v in e.value]
        return window if holds(sum(numbers) / len(numbers)) else []
    if kind == "value_median":
        return window if holds(median([Fraction(v) for e in window for v in e.value])) else []
    if kind == "value_percentile":
        return window if holds(_percentile(window, more["percent"])) else []
    if kind == "temporal":
        seen = {name for e in window for name in e.rules}
        if "words" in more:
            return window if _says(more["words"], seen) else []
        enough = holds(len(seen)) if compare else seen == set(rules)
        return window if enough else []
    if kind == "temporal_ordered":
        return _chain(window, now, rules)
    if kind == "ratio":
        whole = [e for e in window if rules[1] in e.rules]
        part = [e for e in whole if rules[0] in e.rules]
        enough = len(whole) >= more["minimum"] and holds(Fraction(len(part), len(whole)))
        return (part or whole) if enough else []
    if kind == "absence":
        if any(rules[1] in e.rules for e in window):
            return []
        return [e for e in window if e.at == now and rules[0] in e.rules]
    raise AssertionError(kind)


def _says(words, seen):
    """Python reads such a condition as Sigma does."""
    return eval(words, {}, {name: name in seen for name in "abc"})


def _judged(events, span, key, words, judged):
    """A window from each event of the rules in `judged`, looked at when it is over."""
    found, deaf = [], None
    for start in sorted({e.at for e in events if e.rules & judged}):
        if deaf is not None and start <= deaf:
            continue
        window = [e for e in events if start <= e.at <= start + span]
        if _says(words, {name for e in window for name in e.rules}):
            deaf = start + span
            ids = tuple(e.number for e in window if e.rules & judged)
            found.append((deaf, key, ids, "final"))
    return found


def _percentile(window, percent):
    numbers = sorted(Fraction(v) for e in window for v in e.value)
    place = Fraction(percent, 100) * (len(numbers) - 1)
    low = int(place)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)


def _chain(window, now, rules):
    """Of all ways to take one event for each rule, in order of time, one that ends now and began
    last."""
    best = []
    for chosen in combinations(sorted(window, key=lambda e: (e.at, min(map(rules.index, e.rules)))),
                               len(rules)):  # fmt: skip
        fits = all(rule in e.rules for rule, e in zip(rules, chosen, strict=True))
        if fits and chosen[-1].at == now and (not best or chosen[0].at > best[0].at):
            best = list(chosen)
    return best


def _absent(events, span, rules, key):
    """For the first event that is not answered, once; then from the first after it is over."""
    found, deaf_until = [], None
    again = len(rules) == 1
    for event in events:
        if rules[0] not in event.rules or (deaf_until is not None and event.at <= deaf_until):
            continue
        until = event.at + span
        if again:
            answered = any(event.at < e.at <= until for e in events)
            same = [e for e in events if e.at == event.at]
            if event is not same[-1]:
                continue
        else:
            answered = any(rules[1] in e.rules and event.at <= e.at <= until for e in events)
            # an event that is answered makes nobody wait; a later one begins anew
        if not answered:
            found.append((until, key, (event.number,), "final"))
            deaf_until = until
    return found


def _new(events, span, key, learn):
    found = []
    for now in sorted({e.at for e in events}):
        before = [e for e in events if e.at < now]
        if not before:
            continue
        # seen without a pause longer than the span, since
        times = sorted({e.at for e in before})
        since = times[-1]
        if since < now - span:
            continue
        for earlier in reversed(times):
            if since - earlier > span:
                break
            since = earlier
        if since > now - learn:
            continue
        known = {v for e in before if e.at >= now - span for v in e.value}
        for value in sorted({v for e in events if e.at == now for v in e.value} - known):
            ids = tuple(e.number for e in events if e.at == now and value in e.value)
            found.append((now, key, ids, "final"))
    return found
