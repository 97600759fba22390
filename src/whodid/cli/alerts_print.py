"""How `whodid alerts` shows alerts to people."""

from typing import Any

from rich.table import Table
from rich.text import Text

from whodid.cli.options import plain, stderr, stdout

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow"}
_DONE = {
    "fired": "raised", "repeated": "again", "muted": "muted", "acknowledge": "acknowledged",
    "assign": "assigned", "close": "closed", "reopen": "reopened", "note": "noted",
    "quiet": "over",
}  # fmt: skip


def print_alerts(document: dict[str, Any]) -> None:
    """Print a page of alerts."""
    if document["alerts"]:
        table = Table(box=None, pad_edge=False, show_edge=False)
        for name in ("LEVEL", "LAST (UTC)", "STATE", "EVENTS", "WHAT", "ID"):
            table.add_column(name, justify="right" if name == "EVENTS" else "left",
                             no_wrap=name == "ID")  # fmt: skip
        for alert in document["alerts"]:
            table.add_row(
                Text(alert["level"], style=_STYLES.get(alert["level"], "")), _when(alert["last"]),
                Text(_state(alert)), f"{alert['events']:,}", Text(_what(alert)), alert["id"],
            )  # fmt: skip
        stdout.print(table)
    stderr.print(_counted(document), markup=False)
    for warning in document["warnings"]:
        stderr.print(plain(warning), style="yellow", markup=False)


def _counted(document: dict[str, Any]) -> str:
    shown = len(document["alerts"])
    if document["open"] is None:
        return f"{shown:,} alerts that you may see"
    parts = [f"{number:,} {level}" for level, number in document["open"].items() if number]
    told = f"{sum(document['open'].values()):,} open" + (f" ({', '.join(parts)})" if parts else "")
    return (
        f"{shown:,} shown; {told}, {document['acknowledged']:,} acknowledged, "
        f"{document['closed']:,} closed, {document['muted']:,} muted, "
        f"{document['silences']:,} silences"
    )


def print_alert(document: dict[str, Any]) -> None:
    """Print one alert: why, its events, what was done."""
    style = _STYLES.get(document["level"], "")
    stdout.print(Text(f"{document['level']}: {plain(document['title'])}", style=style))
    if document["why"]:
        stdout.print(plain(document["why"]), markup=False)
    lines = [
        ("id", document["id"]),
        ("state", _state(document)),
        ("rule", f"{plain(document['rule'])}, version {document['version'][:12]}"),
        *((plain(pair["field"]), _value(pair)) for pair in document["key"]),
        *((plain(pair["field"]), _value(pair)) for pair in document["values"]),
        ("events", f"{document['events']:,} in {document['findings']:,} findings"),
        ("from", _when(document["first"])), ("to", _when(document["last"])),
        ("found", _when(document["raised"])),
        ("last found", _when(document["found"])),
        ("tags", ", ".join(map(plain, document["tags"]))),
        ("about", plain(document["description"])),
    ]  # fmt: skip
    for name, value in lines:
        if value:
            stdout.print(f"  {name:<12} {value}", markup=False, highlight=False)
    if document["matched"]:
        stdout.print("\nEvents", style="bold")
    for event in document["matched"]:
        when = _when(event.get("time") or event["received"])
        stdout.print(f"  {when}  {plain(event['sentence'])}  {event['id']}", markup=False,
                     highlight=False, soft_wrap=True)  # fmt: skip
    if document["unread"]:
        stdout.print(f"  and {document['unread']:,} more", markup=False)
    stdout.print("\nWhat became of it", style="bold")
    for record in document["records"]:
        stdout.print(f"  {_when(record['at'])}  {_record(record)}", markup=False, highlight=False)
    for warning in document["warnings"]:
        stderr.print(plain(warning), style="yellow", markup=False)


def say(document: dict[str, Any]) -> None:
    """Tell what an alert is now."""
    stdout.print(f"alert {document['id']}: {_state(document)}", markup=False)


def print_silences(found: list[dict[str, Any]]) -> None:
    """Print silences and exclusions."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("KIND", "WHAT", "UNTIL (UTC)", "BY", "REASON", "MUTED", "ID"):
        table.add_column(name, justify="right" if name == "MUTED" else "left",
                         no_wrap=name == "ID")  # fmt: skip
    for one in found:
        ended = f"ended {_when(one['ended'])}" if one["ended"] else None
        until = ended or (_when(one["expires"]) if one["expires"] else "no end")
        table.add_row(
            one["kind"], Text(_matcher(one)), until, Text(plain(one["by"])),
            Text(plain(one["reason"] or "-")), f"{one['muted']:,}", one["id"],
        )  # fmt: skip
    if found:
        stdout.print(table)
    else:
        stderr.print("nothing is muted")


def print_effect(document: dict[str, Any]) -> None:
    """Print what a silence would have muted."""
    stdout.print(
        f"{document['muted']:,} of {document['alerts']:,} alerts of the last {document['days']} "
        f"days would have been muted: {document['events']:,} events; {document['open']:,} of them "
        "are open now",
        markup=False,
    )
    if document["true_positives"]:
        stdout.print(f"{document['true_positives']:,} of them were attacks", style="bold red")
    for one in document["examples"]:
        what = one["disposition"] or one["state"]
        line = f"  {_when(one['raised'])}  {one['level']}  {plain(one['title'])}  {what}"
        stdout.print(f"{line}  {one['id']}", markup=False, highlight=False)


def _matcher(one: dict[str, Any]) -> str:
    parts = [f"rule {plain(one['rule'])}"] if one["rule"] else []
    if one["key"] is None:
        parts.append("a key that cannot be read any more")
    parts += [f"{plain(pair['field'])}={plain(pair['value'] or '')}" for pair in one["key"] or ()]
    parts += [f"up to {one['level']}"] if one["level"] else []
    return ", ".join(parts)


def _record(record: dict[str, Any]) -> str:
    told = _DONE.get(record["act"], record["act"])
    parts = [told]
    if record.get("events") is not None:
        parts.append(f"{record['events']:,} events")
    if record.get("assignee"):
        parts.append(f"to {plain(record['assignee'])}")
    if record.get("disposition"):
        parts.append(f"as {record['disposition']}")
    if record["by"]:
        parts.append(f"by {plain(record['by'])}")
    text = record.get("note") or record.get("why")
    return " ".join(parts) + (f": {plain(text)}" if text else "")


def _state(alert: dict[str, Any]) -> str:
    parts = [alert["state"]]
    if alert["disposition"]:
        parts.append(f"as {alert['disposition']}")
    if alert["muted"]:
        parts.append("muted")
    if alert["over"] and alert["state"] != "closed":
        parts.append("over")
    if alert["assignee"]:
        parts.append(f"for {plain(alert['assignee'])}")
    return ", ".join(parts)


def _what(alert: dict[str, Any]) -> str:
    key = ", ".join(f"{plain(pair['field'])} {_value(pair)}" for pair in alert["key"])
    return plain(alert["title"]) + (f" ({key})" if key else "")


def _value(pair: dict[str, Any]) -> str:
    return "(withheld)" if pair["value"] is None else plain(pair["value"])


def _when(text: str | None) -> str:
    return "-" if text is None else text[:19].replace("T", " ")
