"""Which histories weights were found on, and which ones the figures are of: never the same."""

from benchmarks.swap.access import Access
from benchmarks.swap.changelogs import real_histories
from benchmarks.swap.organisation import Plan, organisation

TUNING_REAL = ("harfbuzz", "xorg")
TUNING_SEEDS = {
    "org-1": (1, Plan(people=40, days=90)),
    "org-2": (2, Plan(people=50, days=80, churn=2.5, teams=5)),
}
TUNING_SWAP_SEED = 11

HELD_OUT_REAL = ("debian", "gnu", "security", "text")
HELD_OUT_SEEDS = {
    "org-101": (101, Plan()),
    "org-102": (102, Plan(people=120, days=75, teams=14, offices=4)),
    "org-103": (103, Plan(people=30, days=150, teams=3, churn=4.0, events_a_day=8.0)),
}
HELD_OUT_SWAP_SEEDS = (21, 22)
FAMILY_HISTORIES = ("debian", "text", "org-101", "org-103")
"""Those of the held-out ones that families are injected into: with hours, and small enough."""

WHAT = {
    "harfbuzz": "git log of HarfBuzz: files, time, zone",
    "xorg": "git logs of 21 X libraries: library and area, time, zone",
    "debian": "uploads of all installed Debian packages: package, suite, time, zone",
    "gnu": "change logs of 18 GNU-style projects: files, days without hours or zones",
    "security": "git logs of GnuTLS, p11-kit, OpenSSH: files or areas, time, zone",
    "text": "git logs of fontconfig, FriBidi, cairo, libbsd, xz: files, time, zone",
}


def tuning() -> dict[str, list[Access]]:
    """Return the histories that weights are found on."""
    return _real(TUNING_REAL) | _made(TUNING_SEEDS)


def held_out() -> dict[str, list[Access]]:
    """Return the histories that figures are of."""
    return _real(HELD_OUT_REAL) | _made(HELD_OUT_SEEDS)


def _real(names: tuple[str, ...]) -> dict[str, list[Access]]:
    found = real_histories()
    return {name: found[name] for name in names if name in found}


def _made(seeds: dict[str, tuple[int, Plan]]) -> dict[str, list[Access]]:
    return {name: organisation(seed, plan) for name, (seed, plan) in seeds.items()}


def without_network(history: list[Access]) -> list[Access]:
    """Return the history without networks and clients (in real ones: without the zone)."""
    return [access._replace(network="", agent="") for access in history]
