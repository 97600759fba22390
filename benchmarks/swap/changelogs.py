"""Histories of real people: change logs that Debian installs beside its packages.

Three kinds are read: `git log` as text, with time, zone and mostly the files; GNU change logs,
with a day and files; and Debian's own, with time, zone and package. They are read where they lie
(/usr/share/doc); none is part of this project. The zone stands for the network.
"""

import datetime as dt
import gzip
import re
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

from benchmarks.swap.access import DAY_US, Access

DOC = Path("/usr/share/doc")
_AUTHOR = re.compile(r"^Author: +(.*?) *<([^>]*)>")
_DATE = re.compile(r"^(?:AuthorDate|Date): +(.+)$")
_FILE = re.compile(r"^ (?:\.\.\.)?([^ |]+) +\| +(?:\d+|Bin)")
_GNU_HEAD = re.compile(r"^((?:19|20)\d\d)-(\d\d)-(\d\d) +(.+?) *<")
_GNU_FILE = re.compile(r"^\s+\* ([^ :(\[]+)")
_DEBIAN_HEAD = re.compile(r"^(\S+) \(\S+\) ([^;]+);")
_DEBIAN_SIGN = re.compile(r"^ -- (.+?) <[^>]+>  (.+)$")
_ISO = re.compile(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4})$")
_COMMIT_FILES_MAX = 40


def _lines(package: str, name: str = "changelog.gz") -> list[str]:
    path = DOC / package / name
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def _moment(text: str) -> tuple[int, str] | None:
    """Return (µs UTC, zone) of git's, an ISO or a mail date."""
    words = text.split()
    iso = _ISO.match(text)
    if iso:
        text = f"{iso[1]}T{iso[2]}{iso[3]}"
    elif len(words) == 6 and words[3].count(":") == 2:  # Fri Dec 16 23:14:57 2022 +0200
        text = f"{words[0]}, {words[2]} {words[1]} {words[4]} {words[3]} {words[5]}"
    try:
        when = _iso(text) if iso else parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        return None
    return int(when.timestamp()) * 1_000_000, when.strftime("%z")


def _iso(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


def git_log(package: str, project: str) -> Iterator[Access]:
    """Return the accesses of a `git log`: a file, or what its subject begins with, an access."""
    actor = zone = subject = ""
    time_us = 0
    files: list[str] = []

    def commit() -> Iterator[Access]:
        if actor and time_us:
            area = subject.partition(":")[0] if ":" in subject[:32] else "(general)"
            for name in files[:_COMMIT_FILES_MAX] or [f"({area.lower()})"]:
                path = f"{project}/{name}"
                yield Access(time_us, actor, "commit", path, path.rpartition("/")[0], zone)

    for line in _lines(package):
        if author := _AUTHOR.match(line):
            yield from commit()
            actor, subject, files, time_us = " ".join(author[1].lower().split()), "", [], 0
        elif date := _DATE.match(line):
            time_us, zone = _moment(date[1].strip()) or (0, "")
        elif file := _FILE.match(line):
            files.append(file[1])
        elif not subject and line.startswith("    "):
            subject = line.strip()
    yield from commit()


def gnu_log(package: str, project: str) -> Iterator[Access]:
    """Return the accesses of a GNU change log; its days have no hours, so all are at noon."""
    actor = ""
    time_us = 0
    for line in _lines(package):
        if head := _GNU_HEAD.match(line):
            try:
                day = dt.date(int(head[1]), int(head[2]), int(head[3])).toordinal() - 719_163
            except ValueError:
                actor = ""
                continue
            actor, time_us = " ".join(head[4].lower().split()), day * DAY_US + DAY_US // 2
        elif actor and (file := _GNU_FILE.match(line)):
            path = f"{project}/{file[1].rstrip(',')}"
            yield Access(time_us, actor, "change", path, path.rpartition("/")[0])


def debian() -> Iterator[Access]:
    """Return the uploads of all installed packages: who uploaded which package to where."""
    seen = set()
    for path in sorted(DOC.glob("*/changelog.Debian*.gz")):
        package = target = ""
        for line in _lines(path.parent.name, path.name):
            if head := _DEBIAN_HEAD.match(line):
                package, target = head[1], head[2].strip()
            elif sign := _DEBIAN_SIGN.match(line):
                moment = _moment(sign[2].strip())
                actor = " ".join(sign[1].lower().split())
                if moment and package and (package, actor, moment) not in seen:
                    seen.add((package, actor, moment))
                    family = re.split(r"[-0-9.]", package)[0]
                    yield Access(moment[0], actor, f"upload {target}", package, family, moment[1])


_XORG = (
    "libpixman-1-0", "libx11-6", "libxcb-dri2-0", "libxi6", "libpciaccess0", "xtrans-dev",
    "libxt-dev", "libxext-dev", "libxaw7", "libxrandr2", "libxcursor1", "libsm-dev", "libice-dev",
    "libxcb-util1", "libxpm4", "libxcb-image0", "libxmu6", "libxtst6", "libxdmcp-dev", "xauth",
    "libxv1",
)  # fmt: skip
_GNU = (
    "strace", "libmpfr6", "wget", "libgmp-dev", "cpp-12", "libtiff6", "dirmngr", "login", "gdb",
    "findutils", "libhogweed6", "tar", "grep", "libgcrypt20-dev", "man-db", "coreutils",
    "groff-base", "gettext-base",
)  # fmt: skip
_SECURITY = ("libgnutls-dane0", "libp11-kit-dev", "openssh-client")
_TEXT = ("fontconfig-config", "libfribidi0", "libcairo-gobject2", "libbsd0", "liblzma-dev")


def _many(packages: tuple[str, ...], read: Callable[[str, str], Iterator[Access]]) -> list[Access]:
    return [access for package in packages for access in read(package, package)]


def real_histories() -> dict[str, list[Access]]:
    """Return each history that this machine holds, by time; names are those of the report."""
    found = {
        "harfbuzz": list(git_log("libharfbuzz0b", "harfbuzz")),
        "xorg": _many(_XORG, git_log),
        "debian": list(debian()),
        "gnu": _many(_GNU, gnu_log),
        "security": _many(_SECURITY, git_log),
        "text": _many(_TEXT, git_log),
    }
    return {name: sorted(accesses) for name, accesses in found.items() if len(accesses) > 500}
