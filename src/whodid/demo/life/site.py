"""The public web site: visitors, crawlers, and the scanners that knock on every door."""

from collections.abc import Iterator
from random import Random

from whodid.demo.act import Act
from whodid.demo.cast import BROWSERS
from whodid.demo.life.draws import ranked
from whodid.demo.stage import SECOND_US, Stage
from whodid.demo.working_hours import number, visit_times

_PAGES = (
    "/", "/pricing", "/product", "/product/reports", "/customers", "/blog", "/contact", "/docs",
    "/blog/spring-release", "/docs/import", "/docs/api", "/about", "/careers", "/sign-up",
    "/blog/case-orchard", "/docs/webhooks", "/imprint", "/privacy", "/status",
)  # fmt: skip
_ASSETS = ("/static/site.css", "/static/site.js", "/static/logo.svg", "/static/inter.woff2")
_REFERERS = ("-", "-", "https://search.example.org/", "https://news.example.net/item/31")
_CRAWLERS = (
    "Mozilla/5.0 (compatible; Examplebot/2.1; +https://bot.example.org/about)",
    "findexample-crawler/1.4",
)
_PROBES = (
    "/wp-login.php", "/.env", "/admin.php", "/.git/config", "/phpmyadmin/", "/cgi-bin/luci",
    "/actuator/health", "/xmlrpc.php",
)  # fmt: skip
_VISITS_PER_DAY = 76
_CRAWLS_PER_DAY = 26
_SCANS_PER_DAY = 2.4


def site_acts(stage: Stage) -> Iterator[Act]:
    """Yield all requests to the public site."""
    chance = stage.chance("site")
    for day in range(stage.days + 1):
        busy = 1.0 if stage.is_workday(day) else 0.6
        visits = number(chance, _VISITS_PER_DAY * busy * stage.scale)
        for time_us in visit_times(chance, stage, day, visits):
            yield from _visit(chance, time_us)
        crawls = number(chance, _CRAWLS_PER_DAY * stage.scale)
        for time_us in visit_times(chance, stage, day, crawls):
            agent = chance.choice(_CRAWLERS)
            path = chance.choice(_PAGES)
            yield _request(chance, time_us, f"2001:db8:b07::{len(agent):x}", path, agent=agent)
        for time_us in visit_times(
            chance, stage, day, number(chance, _SCANS_PER_DAY * stage.scale)
        ):
            yield from _scan(chance, time_us)


def _visit(chance: Random, time_us: int) -> Iterator[Act]:
    ip = (
        f"2001:db8:{chance.randrange(0x2000, 0x9000):x}:{chance.randrange(1, 99):x}::1"
        if chance.random() < 0.35
        else f"198.51.100.{chance.randrange(130, 255)}"
    )
    agent = chance.choice(BROWSERS)
    referer = chance.choice(_REFERERS)
    for page in range(min(7, ranked(chance, 12))):
        path = _PAGES[ranked(chance, len(_PAGES)) - 1]
        yield _request(chance, time_us, ip, path, agent=agent, referer=referer)
        if page == 0:
            for asset in _ASSETS[: chance.randrange(0, 4)]:
                yield _request(
                    chance,
                    time_us + 300_000,
                    ip,
                    asset,
                    agent=agent,
                    referer="https://www.example.com" + path,
                )
        referer = "https://www.example.com" + path
        time_us += chance.randrange(4, 90) * SECOND_US


def _scan(chance: Random, time_us: int) -> Iterator[Act]:
    ip = f"203.0.113.{chance.randrange(1, 60)}"
    for path in chance.sample(_PROBES, chance.randrange(2, 6)):
        yield _request(chance, time_us, ip, path, agent="python-requests/2.32.3", status=404)
        time_us += SECOND_US


def _request(
    chance: Random,
    time_us: int,
    ip: str,
    path: str,
    *,
    agent: str,
    referer: str = "-",
    status: int = 200,
) -> Act:
    return Act(
        "web-public", time_us, "", "GET", path, "success" if status < 400 else "failure",
        ip=ip, agent=agent, actor_type="anonymous",
        size_bytes=153 if status == 404 else chance.randrange(600, 80_000),
        detail={"status": status, "referer": referer},
    )  # fmt: skip
