"""nginx, public and inside: the "combined" format, on the intranet with two fields more."""

from whodid.demo.act import Act
from whodid.demo.sources.recorder import instant, month


class PublicSite:
    """Recorder of `web-public`: plain "combined", in UTC."""

    def record(self, act: Act) -> bytes:
        """Return one access line."""
        return _combined(act, 0).encode()


class Intranet:
    """Recorder of `web-intranet`: "combined" in +0100, then $request_time and $request_id."""

    def record(self, act: Act) -> bytes:
        """Return one access line."""
        seconds = (act.duration_us or 4_000 + (act.size_bytes or 0)) / 1e6
        request_id = act.correlation or f"{hash_of(act):032x}"
        return f"{_combined(act, 1)} {seconds:.3f} {request_id}".encode()


def hash_of(act: Act) -> int:
    """Return 128 bits that depend on the act alone (an id nobody else has written down)."""
    mixed = (act.time_us * 0x9E3779B97F4A7C15F39CC0605CEDC835) ^ (len(act.resource) << 96)
    return mixed & ((1 << 128) - 1)


def _combined(act: Act, utc_offset_h: int) -> str:
    when = instant(act.time_us, utc_offset_h)
    stamp = (
        f"{when.day:02d}/{month(when)}/{when.year}:{when.hour:02d}:{when.minute:02d}:"
        f"{when.second:02d} +{utc_offset_h:02d}00"
    )
    return (
        f"{act.ip} - {act.actor or '-'} [{stamp}] "
        f'"{act.action} {act.resource} HTTP/1.1" {act.detail["status"]} {act.size_bytes or 0} '
        f'"{act.detail["referer"]}" "{act.agent}"'
    )
