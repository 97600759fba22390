"""What SQL may ask: one SELECT over `events`, of known kinds of expressions and known functions.

It walks the tree that DuckDB's own parser made (`json_serialize_sql`). Everything in it must be on
a list; what a later version of DuckDB adds is refused until somebody has looked at it.
"""

import re
from collections.abc import Iterator
from typing import Any

from whodid.errors import QueryError

Tree = dict[str, Any]
TABLE = "events"

_CLASSES = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT",
        "FUNCTION", "LAMBDA", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE",
        "WINDOW",
    }
)  # fmt: skip
_KINDS = frozenset(
    {
        "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE", "ORDER_MODIFIER",
        "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER", "ORDER_DEFAULT",
        "ASCENDING", "DESCENDING", "ORDER_ASCENDING", "ORDER_DESCENDING", "BASE_TABLE", "SUBQUERY",
        "JOIN", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION",
    }
)  # fmt: skip
FUNCTIONS = frozenset(
    """
    + - * / // % ^ ** & | ~ << >> || ~~ !~~ ~~* !~~* ~~~ like_escape ilike_escape
    not_like_escape not_ilike_escape abs ceil ceiling floor round trunc sign sqrt cbrt power pow
    exp ln log log2 log10 mod greatest least isnan isinf isfinite count count_star count_if sum
    avg mean min max median mode quantile quantile_cont quantile_disc approx_count_distinct
    approx_quantile stddev stddev_pop stddev_samp var_pop var_samp variance first last any_value
    arg_min arg_max min_by max_by list array_agg string_agg group_concat listagg bool_and
    bool_or bit_and bit_or bit_xor corr covar_pop covar_samp entropy kurtosis skewness product
    histogram grouping grouping_id row_number rank dense_rank percent_rank cume_dist ntile lag
    lead first_value last_value nth_value lower upper lcase ucase length len strlen char_length
    character_length substring substr left right trim ltrim rtrim replace translate split_part
    string_split str_split split string_to_array string_split_regex regexp_split_to_array
    regexp_matches regexp_full_match regexp_replace regexp_extract regexp_extract_all contains
    starts_with ends_with prefix suffix position strpos instr concat concat_ws reverse ascii chr
    unicode ord md5 sha1 sha256 levenshtein damerau_levenshtein hamming jaccard jaro_similarity
    jaro_winkler_similarity strip_accents nfc_normalize array_to_string hex
    to_hex bin to_binary hash ifnull nullif if typeof now today get_current_timestamp
    current_date date_trunc datetrunc date_part datepart date_diff datediff date_sub datesub
    date_add age epoch epoch_ms epoch_us epoch_ns make_date make_time make_timestamp
    make_timestamp_ms strftime strptime try_strptime year quarter month week day hour minute
    second millisecond microsecond dayofmonth dayofweek dayofyear isodow isoyear weekday
    weekofyear yearweek dayname monthname last_day time_bucket to_timestamp timezone to_years
    to_quarters to_months to_weeks to_days to_hours to_minutes to_seconds to_milliseconds
    to_microseconds list_value list_pack array_value list_contains list_has array_contains
    array_has list_has_any list_has_all array_has_any array_has_all list_distinct array_distinct
    list_unique array_unique list_sort array_sort list_reverse_sort list_reverse array_reverse
    list_filter array_filter filter list_transform array_transform list_apply array_apply
    list_concat list_cat array_concat array_cat list_append list_prepend list_extract
    list_element array_extract list_position list_indexof array_position list_slice array_slice
    array_length list_sum list_avg list_min list_max list_count list_any_value list_first
    list_last flatten unnest row struct_pack struct_extract struct_extract_at map_keys
    map_values map_extract element_at cardinality
    """.split()  # noqa: SIM905 - a list of words, not of strings
)
"""None reads a file, a setting or the machine, and none makes much out of little."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_NOWHERE = 2**63


class Asked:
    """What a statement reads: names of columns in lower case, all of them when it says `*`."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.everything = False


def check(document: Tree) -> Asked:
    """Check a tree and return what it reads. Raises QueryError, its position in bytes."""
    statements = document.get("statements") or []
    if document.get("error") or len(statements) != 1:
        raise QueryError("SQL here is one SELECT", 0)
    parts = list(_parts(statements[0]))
    tables = {TABLE}
    for part in parts:
        tables |= _named_queries(part)
    asked = Asked()
    aliases = {TABLE}
    for part in parts:
        _check(part, tables)
        if part.get("type") == "BASE_TABLE" and str(part["table_name"]).lower() == TABLE:
            aliases.add(str(part.get("alias") or TABLE).lower())
    elsewhere = {id(star) for part in parts for star in _stars(part) if not _over_events(part)}
    for part in parts:
        if id(part) not in elsewhere:
            _note(part, asked, aliases)
    return asked


def _stars(part: Tree) -> list[Tree]:
    """Return the `*` of a SELECT that stand for the columns of what it is over."""
    if part.get("type") != "SELECT_NODE":
        return []
    return [item for item in part.get("select_list") or () if item.get("class") == "STAR"]


def _over_events(part: Tree) -> bool:
    """Tell whether a SELECT is over the table itself, not only over other SELECTs."""
    stack = [part.get("from_table") or {}]
    while stack:
        here = stack.pop()
        if str(here.get("table_name", "")).lower() == TABLE:
            return True
        stack += [side for side in (here.get("left"), here.get("right")) if isinstance(side, dict)]
    return False


def _parts(tree: Any) -> Iterator[Tree]:
    """Yield every object of a tree, without recursion: hostile SQL is deep."""
    stack = [tree]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            yield here
            stack += here.values()
        elif isinstance(here, list):
            stack += here


def _named_queries(part: Tree) -> set[str]:
    found = {str(item.get("key")) for item in (part.get("cte_map") or {}).get("map", ())}
    if part.get("cte_name"):
        found.add(str(part["cte_name"]))
    for name in found:
        if not _NAME.fullmatch(name):
            raise QueryError(f"a WITH is named with letters, digits and _, not '{name[:40]}'", 0)
    return {name.lower() for name in found}


def _check(part: Tree, tables: set[str]) -> None:
    kind = part.get("type")
    if "class" in part:
        if part["class"] not in _CLASSES:
            raise QueryError(f"'{_word(part['class'])}' is not allowed here", _place(part))
    elif isinstance(kind, str) and kind not in _KINDS:
        raise QueryError(f"'{_word(kind)}' is not allowed here", _place(part))
    if part.get("class") in {"FUNCTION", "WINDOW"}:
        _check_function(part)
    if kind == "BASE_TABLE":
        _check_table(part, tables)
    if kind == "TABLE_FUNCTION":
        name = str((part.get("function") or {}).get("function_name", "")).lower()
        if name != "unnest":
            raise QueryError(f"the function '{name[:40]}' is no table here", _place(part))


def _check_function(part: Tree) -> None:
    name = str(part.get("function_name", "")).lower()
    if name not in FUNCTIONS or part.get("schema") or part.get("catalog"):
        raise QueryError(f"the function '{name[:40]}' is not allowed here", _place(part))


def _check_table(part: Tree, tables: set[str]) -> None:
    name = str(part.get("table_name", ""))
    if part.get("schema_name") or part.get("catalog_name") or name.lower() not in tables:
        message = f"there is no table '{name[:40]}': the events are in '{TABLE}'"
        raise QueryError(message, _place(part), TABLE)


def _note(part: Tree, asked: Asked, aliases: set[str]) -> None:
    if part.get("class") == "STAR" or part.get("ref_type") == "NATURAL":
        asked.everything = True
    names = [str(name).lower() for name in part.get("using_columns") or ()]
    if part.get("class") == "COLUMN_REF":
        names += [str(name).lower() for name in part.get("column_names") or ()]
        asked.everything |= len(names) == 1 and names[0] in aliases  # a row as one value
    for name in names:
        asked.names.setdefault(name, _place(part))


def _place(part: Tree) -> int:
    place = part.get("query_location")
    return place if isinstance(place, int) and 0 <= place < _NOWHERE else 0


def _word(kind: Any) -> str:
    return str(kind).lower().replace("_", " ")[:40]
