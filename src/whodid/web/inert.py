"""Foreign text as inert HTML: escaped, and what does not print made visible.

Escaping alone leaves direction overrides (U+202E turns `gpj.exe` round), terminal escapes, NULs
and invisible letters in place. Here each becomes a small mark that names it, so that what a page
shows is what the record holds.
"""

from itertools import groupby

from markupsafe import Markup, escape

_MARK = Markup('<span class="mark" title="{}">{}</span>')
_CONTROL_PICTURES = 0x2400


def inert(text: str) -> Markup:
    """Return text for one line; line breaks are marked too."""
    return escape(text) if text.isprintable() else _marked(text, "")


def inert_lines(text: str) -> Markup:
    """Return text for a <pre>: line feeds and tabs stay what they are."""
    return escape(text) if text.isprintable() else _marked(text, "\n\t")


def plain(text: str) -> str:
    """Return text for an attribute, where no mark can stand: spaces, or U+FFFD in its place."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def _marked(text: str, kept: str) -> Markup:
    pieces: list[Markup] = []
    for plain, run in groupby(text, lambda char: char.isprintable() or char in kept):
        if plain:
            pieces.append(escape("".join(run)))
        else:
            # a run of one character is one mark: 64 KiB of NUL must not become megabytes
            pieces += [_mark(char, sum(1 for _ in same)) for char, same in groupby(run)]
    return Markup().join(pieces)


def _mark(char: str, count: int) -> Markup:
    code = ord(char)
    name = f"U+{code:04X}"
    shown = chr(_CONTROL_PICTURES + code) if code < 0x20 else name
    times = f" ({count:,} times)" if count > 1 else ""
    return _MARK.format(f"{name}{times}, does not print", shown + times)
