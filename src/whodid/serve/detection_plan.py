"""Section `[detection]` of the settings → what is to be looked for."""

from pathlib import Path

from whodid.app.detecting import Plan
from whodid.config.settings import DetectionSettings
from whodid.detection.baseline import Settings as LearningSettings
from whodid.detection.rulebook import Choice
from whodid.detection.windows import Settings as WindowSettings

_SECOND_US = 1_000_000


def plan_of(directory: Path, settings: DetectionSettings, *, live: bool) -> Plan:
    """Return what the settings ask for; their paths are taken from the ledger's folder.

    `live` tells findings at once that more events cannot undo; over history it makes no difference.
    """
    windows = WindowSettings(
        lateness_us=int(settings.lateness_seconds * _SECOND_US),
        early=live,
        geo=directory / settings.geo if settings.geo else None,
        calendars=directory / settings.calendars if settings.calendars else None,
    )
    choice = Choice(settings.packs, settings.rules, settings.disabled_rules, settings.enabled_rules)
    budget = LearningSettings(alerts_per_day=settings.alerts_per_day)
    return Plan(choice, windows, budget if settings.learning else None)
