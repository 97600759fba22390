"""One look at a field → a closure that tells whether a record passes it.

Semantics: docs/reference/rules.md. A field that is missing passes nothing but `null` and
`exists: false`; a field with several values passes when one of them does.
"""

from collections.abc import Callable

from whodid.detection.compiled.fields import Field, View
from whodid.detection.compiled.keywords import GAP, all_texts
from whodid.detection.compiled.passes import passes_of, text_fits
from whodid.detection.compiled.wildcards import fits_pattern
from whodid.detection.regex import finder
from whodid.detection.rule import Test

Holds = Callable[[View], bool]
FieldOf = Callable[[str], Field]

_TEXT_OPS = frozenset(("equals", "contains", "startswith", "endswith", "pattern"))


def compile_test(test: Test, field_of: FieldOf) -> Holds:
    """Return the closure of one look. Raises InputError for a regex that RE2 does not take."""
    if test.field is None:
        return _keyword(test)
    field = field_of(test.field)
    if test.op.startswith("fieldref"):
        return _referred(test, field, field_of(str(test.value)))
    if test.op == "exists" and test.value:
        return lambda view: bool(field.raw(view))
    if test.op in ("exists", "null"):
        return lambda view: not field.raw(view)
    if test.part is None and test.op in _TEXT_OPS and not _is_number(test):
        return _text(test, field)
    passes = passes_of(test)
    return lambda view: any(map(passes, field.raw(view)))


def _is_number(test: Test) -> bool:
    return test.op == "equals" and not isinstance(test.value, str)


def _keyword(test: Test) -> Holds:
    if test.op == "regex":
        found_in = finder(str(test.value))
        return lambda view: any(map(found_in, all_texts(view).split(GAP)))
    if test.op == "pattern":
        pieces = test.value[1:-1]  # a keyword's text has wildcards around it
        if not test.cased:
            pieces = tuple(it.lower() if isinstance(it, str) else it for it in pieces)
        fits = fits_pattern(pieces, within=True) if pieces else lambda _text: True
        if test.cased:
            return lambda view: fits(all_texts(view))
        return lambda view: fits(all_lower(view))
    needle = str(test.value)
    if test.cased:
        return lambda view: needle in all_texts(view)
    needle = needle.lower()
    return lambda view: needle in all_lower(view)


def all_lower(view: View) -> str:
    """Return all texts of a record in small letters."""
    found = view.known.get(None)
    if found is None:
        found = view.known[None] = (all_texts(view).lower(),)
    text: str = found[0]
    return text


def _text(test: Test, field: Field) -> Holds:
    """Return the closure of equals, contains, startswith, endswith or pattern."""
    texts = field.cased if test.cased else field.lower
    if test.op == "equals":
        said = str(test.value) if test.cased else str(test.value).lower()
        return lambda view: said in texts(view)
    fits = text_fits(test)
    return lambda view: any(map(fits, texts(view)))


def _referred(test: Test, field: Field, other: Field) -> Holds:
    how = test.op.removeprefix("fieldref").removeprefix("_")
    one, two = (field.cased, other.cased) if test.cased else (field.lower, other.lower)

    def holds(view: View) -> bool:
        texts = two(view)
        return bool(texts) and any(_alike(it, texts, how) for it in one(view))

    return holds


def _alike(text: str, others: tuple[str, ...], how: str) -> bool:
    if how == "startswith":
        return text.startswith(others)
    if how == "endswith":
        return text.endswith(others)
    if how == "contains":
        return any(it in text for it in others)
    return text in others
