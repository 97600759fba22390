"""Which correlations can run here, with the files that the user named."""

from collections.abc import Sequence

from msgspec import Struct

from whodid.detection.rule import AnyRule, Correlation
from whodid.detection.windows.calendars import read_calendars
from whodid.detection.windows.extract import Files, lacking
from whodid.detection.windows.places import Places
from whodid.detection.windows.plan import Plan, Unusable, plans_of
from whodid.detection.windows.settings import Settings
from whodid.errors import InputError


class Ready(Struct, frozen=True):
    """The correlations that run, in order; those that cannot, and why; the files."""

    plans: tuple[Plan, ...]
    unusable: tuple[Unusable, ...]
    files: Files


def ready_for(rules: Sequence[AnyRule], settings: Settings, given: Files | None = None) -> Ready:
    """Make the correlations among `rules` ready to run, and tell which cannot.

    A file that cannot be read is a fault of the rules that need it, not of the others. `given`
    stands for the files that the settings name.
    """
    files, faults = (given, {}) if given is not None else _files(settings)
    lacks = {
        rule.head.id: faults.get(rule.kind, "") or lacking(rule, files)
        for rule in rules
        if isinstance(rule, Correlation)
    }
    planned = plans_of([rule for rule in rules if not lacks.get(rule.head.id)])
    lacking_files = tuple(Unusable(place, reason) for place, reason in lacks.items() if reason)
    return Ready(planned.plans, lacking_files + planned.unusable, files)


def unusable(rules: Sequence[AnyRule], settings: Settings) -> tuple[Unusable, ...]:
    """Return the correlations among `rules` that can find nothing here, and why."""
    return ready_for(rules, settings).unusable


def _files(settings: Settings) -> tuple[Files, dict[str, str]]:
    faults: dict[str, str] = {}
    places = calendars = None
    if settings.geo is not None:
        try:
            places = Places(settings.geo)
        except InputError as error:
            faults["impossible_travel"] = str(error)
    if settings.calendars is not None:
        try:
            calendars = read_calendars(settings.calendars)
        except InputError as error:
            faults["outside_hours"] = str(error)
    return Files(places, calendars), faults
