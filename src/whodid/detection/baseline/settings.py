"""What can be chosen about learning."""

from msgspec import Struct


class Settings(Struct, frozen=True):
    """`alerts_per_day` is the budget: about so many findings a day, never more on one day.

    `delay_days` pass before a day is learned; a day that raised a finding waits for its verdict,
    at most `hold_days`. An actor with fewer than `learning_days` active days is "learning": scored
    by what others do, and named as that. Weights halve in `half_life_days`.
    """

    alerts_per_day: int = 5
    delay_days: int = 2
    hold_days: int = 30
    learning_days: int = 10
    half_life_days: float = 45.0
