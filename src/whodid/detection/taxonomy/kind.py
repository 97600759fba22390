"""A kind of log: which formats it comes in, what Sigma calls it, how its fields are called."""

from msgspec import Struct

from whodid.detection.rule import LogSource


class Kind(Struct, frozen=True):
    """What rules can know of one kind of log.

    * `formats`: formats of `whodid.normalize` that are this kind. `marks`: for kinds that come as
      plain JSON, sets of keys at the top of a record, each of which tells it (case does not count).
      `told`: values of `category` at the top that tell which of several kinds of one maker it is.
    * `categories`, `products`, `services`: Sigma's words for it; a rule that says none of one of
      them means any.
    * `fields`: a name in rules → where it is: paths in the native record, or `@` and a field of
      the Event; the first that is there counts. `PATH+TEXT` is its text with TEXT behind it. Names
      that are not here are paths as they stand.
    * `below`: keys of the native record under which a name is looked for, too. `above`: keys that
      rules put before names although records have none such.
    * `top`: the names at the top of a native record, when all are known; others are unknown.
    * `folds`: its senders disagree about the case of keys. `dotted`: keys may hold dots.
    """

    name: str
    formats: frozenset[str] = frozenset()
    marks: tuple[frozenset[str], ...] = ()
    told: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    fields: dict[str, tuple[str, ...]] = {}
    below: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    top: frozenset[str] | None = None
    folds: bool = False
    dotted: bool = False

    @property
    def has_record(self) -> bool:
        """Tell whether there is a native record with fields of its own, not just a line."""
        return self.top is None or bool(self.top)

    def takes(self, source: LogSource) -> bool:
        """Tell whether a rule's logsource means this kind."""
        return (
            (source.category is None or source.category in self.categories)
            and (source.product is None or source.product in self.products)
            and (source.service is None or source.service in self.services)
        )


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set, for the tables."""
    return frozenset(text.split())
