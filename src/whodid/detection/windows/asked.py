"""What a condition in words asks of the rules of a window: decided, and said.

Words stand in postfix (`sigma.rule_condition`); a rule is its place among the correlation's.
"""

from collections.abc import Callable, Sequence

_BINDS = {"or": 1, "and": 2, "not": 3}


def asked_holds(words: Sequence[str], mask: int) -> bool:
    """Tell whether the condition holds where the rules of these bits matched."""
    return _decided(words, lambda rule: bool(mask >> rule & 1), lambda held: not held)


def asked_possible(words: Sequence[str], can: Callable[[int], bool]) -> bool:
    """Tell whether it can hold when only some rules can match; what must not match need not."""
    return _decided(words, can, lambda _: True)


def _decided(
    words: Sequence[str], holds: Callable[[int], bool], negated: Callable[[bool], bool]
) -> bool:
    stack: list[bool] = []
    for word in words:
        if word == "not":
            stack.append(negated(stack.pop()))
        elif word in _BINDS:
            two, one = stack.pop(), stack.pop()
            stack.append((one and two) if word == "and" else (one or two))
        else:
            stack.append(holds(int(word)))
    return stack[-1]


def wanted_of(words: Sequence[str]) -> tuple[int, int]:
    """Return the rules that must match and those that must not, as bits; one may be both."""
    stack: list[tuple[int, int]] = []
    for word in words:
        if word == "not":
            yes, no = stack.pop()
            stack.append((no, yes))
        elif word in _BINDS:
            (yes, no), (also, neither) = stack.pop(), stack.pop()
            stack.append((yes | also, no | neither))
        else:
            stack.append((1 << int(word), 0))
    return stack[-1]


def asked_words(words: Sequence[str], called: Sequence[str]) -> str:
    """Return the condition as it is read, rules by what they are called."""
    stack: list[tuple[str, int]] = []
    for word in words:
        binds = _BINDS.get(word, 4)
        if word == "not":
            stack.append((f"not {_bracketed(stack.pop(), binds)}", binds))
        elif word in _BINDS:
            two, one = stack.pop(), stack.pop()
            stack.append((f"{_bracketed(one, binds)} {word} {_bracketed(two, binds)}", binds))
        else:
            stack.append((called[int(word)], binds))
    return stack[-1][0]


def _bracketed(part: tuple[str, int], binds: int) -> str:
    text, own = part
    return f"({text})" if own < binds else text
