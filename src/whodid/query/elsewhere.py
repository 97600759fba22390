"""What other systems and languages call our fields and their fixed values, for suggestions only."""

SINCE: dict[str, str] = {
    "since": ">=", "after": ">", "earliest": ">=", "before": "<", "until": "<=", "latest": "<=",
}  # fmt: skip
"""A name elsewhere for one end of a stretch of time → the operator that asks for it."""

FIELDS_ELSEWHERE: dict[str, str] = {
    other: field
    for field, others in (
        ("time", "@timestamp timestamp ts date when datetime _time eventtime event_time"),
        ("time", " ".join(SINCE)),
        ("actor", "username userid user_id user.name user.id who email principal subject account"),
        ("actor", "uid login by useridentity caller_id actor_id"),
        ("action", "verb event eventname event.action operation method what activity"),
        ("resource", "object target path table file url uri"),
        ("resource.type", "object_type kind"),
        ("resource.parent", "database db schema bucket namespace"),
        ("access", "access_type operation_type crud"),
        ("outcome", "status result outcome_result event.outcome"),
        ("reason", "error errormessage error_message failure_reason"),
        ("ip", "src_ip source_ip src.ip source.ip client_ip clientip address addr from"),
        ("ip", "remote_ip remote_addr sourceipaddress"),
        ("host", "hostname server machine computer"),
        ("agent", "user_agent useragent browser"),
        ("service", "app application system"),
        ("source", "index sourcetype log_source"),
        ("group", "role roles groups"),
        ("trace", "trace_id traceid"),
        ("span", "span_id spanid"),
        ("request", "request_id requestid"),
        ("session", "session_id sessionid"),
        ("correlation", "correlation_id correlationid"),
        ("statement", "sql query command cmd commandline"),
        ("message", "msg text body"),
        ("duration_us", "duration latency elapsed took"),
        ("rows", "row_count rowcount num_rows records"),
        ("bytes", "size length bytes_sent"),
        ("labels", "tag tags label"),
        ("_quarantined", "quarantined"),
        ("_erased", "erased"),
        ("_redacted", "redacted"),
        ("_conflict", "conflict"),
        ("_amended", "amended"),
    )
    for other in others.split()
}  # fmt: skip
"""A name elsewhere, in small letters → our field. None of them is a field of ours."""

_VALUES: dict[tuple[str, str], str] = {
    (field, other): value
    for field, value, others in (
        (
            "outcome",
            "success",
            "ok okay succeeded successful passed allowed allow permitted granted",
        ),
        ("outcome", "failure", "error errors fail failed failing failures unsuccessful"),
        ("outcome", "denied", "deny refused forbidden blocked rejected unauthorized"),
        ("access", "update", "write modify change edit put patch set alter"),
        ("access", "authenticate", "login logon log-in logout signin sign-in auth authentication"),
        ("access", "read", "select get view download export list fetch query"),
        ("access", "create", "insert add upload post new"),
        ("access", "delete", "remove drop truncate destroy erase"),
        ("access", "execute", "exec run call invoke"),
        ("access", "administer", "admin grant revoke configure manage"),
        ("actor.type", "agent", "ai bot llm assistant robot"),
        ("actor.type", "user", "human person people"),
        ("actor.type", "service", "machine app application"),
    )
    for other in others.split()
}


def value_elsewhere(field: str, word: str) -> str | None:
    """Return the value of a field with fixed values that others call by this word, or None."""
    return _VALUES.get((field, word.casefold()))
