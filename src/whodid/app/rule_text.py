"""The text of a rule: its document in the file where it stands."""

import re
from pathlib import Path

from whodid.detection.rule import Head
from whodid.errors import InputError
from whodid.limits import RULE_FILE_BYTES_MAX

_BREAK = re.compile(r"---(\s|$)")


def rule_text(head: Head) -> str:
    """Return the document that holds line `head.line` of `head.path`.

    Raises InputError where it cannot be read (any more), or is no text.
    """
    path = Path(head.path)
    try:
        with path.open("rb") as file:
            data = file.read(RULE_FILE_BYTES_MAX + 1)
        lines = data.decode("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read ({error})") from error
    if len(data) > RULE_FILE_BYTES_MAX or not 0 < head.line <= max(len(lines), 1):
        raise InputError(f"{path.name} is not what it was when the rule was read")
    at = head.line - 1
    begin = end = at
    while begin > 0 and not _BREAK.match(lines[begin - 1]):
        begin -= 1
    while end < len(lines) and not (_BREAK.match(lines[end]) and end > at):
        end += 1
    return "\n".join(lines[begin:end]).strip("\n") + "\n"
