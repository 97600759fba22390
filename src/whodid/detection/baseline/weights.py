"""Numbers that were learned once, on histories that no figure is reported of.

`python -m benchmarks.swap --tune` finds them again; benchmarks/LEARNING.md says which histories.
They are part of a finding's rule version: other weights, other rule.
"""

from msgspec import Struct

EVIDENCES = (
    "other", "resource", "area", "action", "network", "client", "hour", "events", "rows", "rest",
)  # fmt: skip
"""`other`: the day looks like somebody else's. The dimensions: a value that is rare for the actor.
`events`, `rows`: more than usual. `rest`: active again after a longer pause than usual."""


class Weights(Struct, frozen=True):
    """How evidences are put together.

    `contrast` weighs how much likelier a dimension's values are for others than for the actor,
    `best` how much likelier the whole day is for one of them. `share` is each evidence's part of
    the false alarms, `temperature` how far evidences add up (1: the strongest decides; more: they
    sum). `peers` is how much his peers count against all others, in what "others" do.
    """

    contrast: tuple[float, ...] = (0.0, 0.0, 0.0, 0.56, 0.84, 0.13)
    best: float = 0.31
    share: tuple[float, ...] = (
        0.547, 0.061, 0.061, 0.061, 0.061, 0.02, 0.061, 0.061, 0.061, 0.007,
    )  # fmt: skip
    temperature: float = 3.0
    peers: float = 0.5


WEIGHTS = Weights()
