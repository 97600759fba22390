"""The parser of `| sequence`.

    sequence = "by" field step 1*( "->" step ) "within" duration ;
    step     = "[" filter "]" ;

A step ends at the bracket that closes it: brackets within are paired, those in quotes do not count.
"""

import re
from collections.abc import Callable

from whodid.limits import SEQUENCE_SPAN_US_MAX, SEQUENCE_STEPS_MAX
from whodid.query.countable import why_not_sorted
from whodid.query.fields import Field
from whodid.query.pipe_words import WORD, take, take_field
from whodid.query.scan import Scanner, fail, shown
from whodid.query.times import duration_text, parse_duration
from whodid.query.tree import Node, Sequence

_MARK = re.compile(r'[\[\]"]')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SECOND_US = 1_000_000
_FORM = "write | sequence by actor [access:authenticate] -> [access:read] within 5m"


def take_sequence(scanner: Scanner, step: Callable[[Scanner], Node]) -> Sequence:
    """Take what stands behind the word `sequence`; `step` parses the filter of one step.

    Raises QueryError.
    """
    scanner.skip_space()
    start = scanner.position
    if take(scanner, WORD).lower() != "by":
        raise fail("a sequence needs a field", start, tail=_FORM)
    scanner.skip_space()
    at = scanner.position
    field = take_field(scanner)
    reason = _why_not(field)
    if reason is not None:
        raise fail(f"no sequence by it: {reason},", at)
    steps = [_step(scanner, step)]
    scanner.skip_space()
    while scanner.take("->"):
        steps.append(_step(scanner, step))
        if len(steps) > SEQUENCE_STEPS_MAX:
            raise fail(f"a sequence has at most {SEQUENCE_STEPS_MAX} steps", at)
        scanner.skip_space()
    if len(steps) == 1:
        raise fail("a sequence has two steps or more", scanner.position, "->", tail=_FORM)
    return Sequence(field.name, tuple(steps), _span(scanner), at)


def _why_not(field: Field) -> str | None:
    if field.kind == "time":
        return f"'{field.name}' is a time"
    return why_not_sorted(field)


def _step(scanner: Scanner, step: Callable[[Scanner], Node]) -> Node:
    scanner.skip_space()
    start = scanner.position
    if scanner.peek() != "[":
        raise fail("a step is written in [ ]", start, tail=_FORM)
    end = end_of_step(scanner.text, start)
    if end is None:
        tail = "a bracket that is searched for needs quotes"
        raise fail("a step is not closed with ]", start, tail=tail)
    inner = Scanner(scanner.text[:end])
    inner.position = start + 1
    inner.skip_space()
    if inner.at_end():
        raise fail("a step is empty; [*] is any event", start)
    node = step(inner)
    scanner.position = end + 1
    if not inner.at_end():
        raise fail("a step has no pipes", inner.position)
    return node


def end_of_step(text: str, start: int) -> int | None:
    """Return where the bracket that opens at `start` is closed; None when it is not."""
    depth = 0
    at = start
    while mark := _MARK.search(text, at):
        at = mark.end()
        if mark[0] == '"':
            quoted = _QUOTED.match(text, mark.start())
            if quoted is None:
                return None
            at = quoted.end()
        else:
            depth += 1 if mark[0] == "[" else -1
            if not depth:
                return mark.start()
    return None


def _span(scanner: Scanner) -> int:
    at = scanner.position
    if take(scanner, WORD).lower() != "within":
        raise fail("a sequence says within what time, such as within 5m", at)
    scanner.skip_space()
    at = scanner.position
    word = take(scanner, WORD)
    span_us = parse_duration(word)
    if span_us is None or not _SECOND_US <= span_us <= SEQUENCE_SPAN_US_MAX:
        most = duration_text(SEQUENCE_SPAN_US_MAX)
        tail = f"write 1s to {most}, such as 30s, 5m, 1h30m or 2d"
        raise fail(f"'{shown(word)}' is no length of time", at, tail=tail)
    return span_us
