"""People at a shell: an SSH session on the bastion with its sudo commands."""

from collections.abc import Iterator, Sequence
from random import Random

from whodid.demo.act import Act
from whodid.demo.life.presence import Presence
from whodid.demo.stage import SECOND_US

_COMMANDS = (
    "/usr/bin/systemctl restart crm-worker",
    "/usr/bin/journalctl -u billing --since today",
    "/usr/bin/apt-get update",
    "/usr/bin/tail -n 200 /var/log/nginx/error.log",
    "/usr/sbin/nginx -t",
    "/usr/bin/systemctl reload nginx",
    "/usr/bin/docker ps",
    "/usr/bin/ss -tlnp",
)


def engineer_session(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield one visit to the bastion, now and then after a mistyped password."""
    commands = chance.choices(_COMMANDS, k=chance.choice((0, 0, 1, 1, 2, 3)))
    login, ip = where.person.login, where.private_ip
    if chance.random() < 0.06:
        yield Act(
            "bastion", time_us - 9 * SECOND_US, login, "failed", "bastion-1", "failure", ip=ip,
            detail={"port": chance.randrange(32_768, 61_000), "pid": chance.randrange(900, 32_000)},
        )  # fmt: skip
    yield from ssh_session(chance, login, ip, time_us, commands)


def ssh_session(
    chance: Random, login: str, ip: str, time_us: int, commands: Sequence[str]
) -> Iterator[Act]:
    """Yield an SSH session of `login` from `ip`: accepted, opened, sudo commands, closed."""
    detail = {
        "port": chance.randrange(32_768, 61_000),
        "pid": chance.randrange(900, 32_000),
        "number": chance.randrange(100, 9_000),
    }

    def seen(at_us: int, action: str, command: str = "") -> Act:
        return Act(
            "bastion", at_us, login, action, "bastion-1", ip=ip,
            detail={**detail, "command": command} if command else detail,
        )  # fmt: skip

    yield seen(time_us, "accepted")
    yield seen(time_us + 40_000, "opened")
    yield seen(time_us + 90_000, "new session")
    for command in commands:
        time_us += chance.randrange(8, 240) * SECOND_US
        yield seen(time_us, "sudo", command)
        yield seen(time_us + 12_000, "sudo opened")
        yield seen(time_us + chance.randrange(200_000, 6 * SECOND_US), "sudo closed")
        time_us += 6 * SECOND_US
    time_us += chance.randrange(30, 1_500) * SECOND_US
    yield seen(time_us, "disconnected")
    yield seen(time_us + 15_000, "closed")
