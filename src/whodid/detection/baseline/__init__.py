"""Learning: what each actor is used to do, and what is unusual for him and usual for others.

Per actor, day of event time and dimension: how much likelier the day's values are for his peers
than for him, as a tail of the ledger's own recent days; a budget of alerts a day, no thresholds.
Nothing is learned on the day itself: the model stands still within a day, so a score is a function
of the model of that day and of the actor's events, and can be computed again from the ledger.
"""

from whodid.detection.baseline.scorer import Scorer
from whodid.detection.baseline.settings import Settings

__all__ = ["Scorer", "Settings"]
