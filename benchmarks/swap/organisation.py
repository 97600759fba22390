"""Generated organisations: people with teams, roles, projects, zones, habits, and their drift.

Nothing here knows how they will be scored. People of a team share projects and tables, so that a
swap within a team is hard; projects end and begin, people come, leave, change team, travel, take
holidays, are on call, help elsewhere for some weeks; pipelines and shared accounts run among them.
"""

import math
from dataclasses import dataclass, field
from random import Random

from benchmarks.swap.access import Access

_FIRST_DAY = 20_454  # Thursday 2026-01-01
_HOUR_US = 3_600_000_000
_OFFICES = ((-5.0, "10.1"), (1.0, "10.2"), (5.5, "10.3"), (9.0, "10.4"))
_ROLES = {
    "engineer": {"select": 6, "update": 2, "deploy": 1, "read": 4, "push": 3},
    "analyst": {"select": 9, "export": 1, "read": 3},
    "support": {"read": 6, "update": 3, "search": 4},
    "finance": {"read": 4, "update": 2, "approve": 1, "export": 1},
    "admin": {"grant": 1, "read": 3, "update": 2, "login": 2, "restart": 1},
}
_CLIENTS = ("Chrome", "Firefox", "Safari", "psql", "DBeaver", "curl", "aws-cli", "Edge")


@dataclass(frozen=True, slots=True)
class Plan:
    """How large it is and how much it changes; `churn` scales projects, moves, help, travel."""

    people: int = 60
    days: int = 120
    teams: int = 7
    churn: float = 1.0
    offices: int = 3
    events_a_day: float = 14.0


@dataclass(slots=True)
class _Project:
    team: int
    first: int
    last: int
    resources: list[tuple[str, str]]


@dataclass(slots=True)
class _Person:
    name: str
    team: int
    role: str
    office: int
    start_h: float
    length_h: float
    spread_h: float
    weekend: float
    volume: float
    explore: float
    clients: list[str]
    home: str
    first: int
    last: int
    away: list[tuple[int, int]]
    favourites: list[tuple[str, str]] = field(default_factory=list)
    projects: list[_Project] = field(default_factory=list)
    help_until: int = -1
    help: _Project | None = None


def organisation(seed: int, plan: Plan | None = None) -> list[Access]:
    """Return the accesses of a generated organisation, by time; the same for the same seed."""
    return _Organisation(Random(seed), plan or Plan()).run()


class _Organisation:
    def __init__(self, random: Random, plan: Plan) -> None:
        self.random = random
        self.plan = plan
        self.shared = [(f"wiki/page-{n}", "wiki") for n in range(150)]
        self.shared += [(f"hr.{name}", "hr") for name in ("holidays", "people", "forms")]
        self.roles = [random.choice(list(_ROLES)) for _ in range(plan.teams)]
        self.projects = [p for team in range(plan.teams) for p in self._projects(team)]
        self.people = [self._person(number) for number in range(plan.people)]
        self.out: list[Access] = []

    def _projects(self, team: int) -> list[_Project]:
        random, days = self.random, self.plan.days
        found = [_Project(team, 0, days, self._resources(f"team{team}", random.randint(15, 40)))]
        first = -random.randint(0, 40)
        number = 0
        while first < days:
            length = int(random.uniform(40, 150) / self.plan.churn)
            for _ in range(random.randint(1, 3)):
                name = f"t{team}p{number}"
                resources = self._resources(name, random.randint(10, 60))
                found.append(_Project(team, first, first + length, resources))
                number += 1
            first += length // 2
        return found

    def _resources(self, name: str, count: int) -> list[tuple[str, str]]:
        kinds = ("table", "doc", "bucket", "repo")
        kind = self.random.choice(kinds)
        return [(f"{name}.{kind}_{n}" if kind == "table" else f"{name}/{kind}-{n}", name)
                for n in range(count)]  # fmt: skip

    def _person(self, number: int) -> _Person:
        random, plan = self.random, self.plan
        team = random.randrange(plan.teams)
        first = random.randint(1, int(plan.days * 0.7)) if random.random() < 0.15 else 0
        last = random.randint(plan.days // 2, plan.days) if random.random() < 0.08 else plan.days
        away = []
        if random.random() < 0.6:
            begin = random.randrange(plan.days)
            away.append((begin, begin + random.randint(4, 16)))
        role = self.roles[team] if random.random() < 0.75 else random.choice(list(_ROLES))
        person = _Person(
            f"u{number:03}", team, role, random.randrange(plan.offices),
            random.gauss(8.7, 1.2), random.uniform(6.5, 10), random.uniform(0.4, 1.6),
            random.choice((0.01, 0.03, 0.2)), math.exp(random.gauss(0, 0.5)),
            random.uniform(0.01, 0.12), random.sample(_CLIENTS, random.randint(1, 3)),
            f"{random.randint(60, 99)}.{random.randint(1, 250)}.{random.randint(1, 250)}",
            first, last, away,
        )  # fmt: skip
        person.favourites = random.sample(self.shared, random.randint(3, 10))
        self._choose(person, 0)
        return person

    def _choose(self, person: _Person, day: int) -> None:
        """Give a person what his team works on: the team's own and some of its projects."""
        own = [p for p in self.projects if p.team == person.team and p.first <= day < p.last]
        rest = own[1:]
        count = min(len(rest), self.random.randint(1, 3))
        person.projects = own[:1] + self.random.sample(rest, count)

    def run(self) -> list[Access]:
        for day in range(self.plan.days):
            holiday = self.random.random() < 0.02
            for person in self.people:
                if person.first <= day < person.last:
                    self._life(person, day)
                    if self._works(person, day, holiday):
                        self._day(person, day)
            self._machines(day)
        return sorted(self.out)

    def _works(self, person: _Person, day: int, holiday: bool) -> bool:
        if any(begin <= day < end for begin, end in person.away):
            return False
        weekend = (_FIRST_DAY + day + 3) % 7 >= 5
        return self.random.random() < (person.weekend if weekend or holiday else 0.94)

    def _life(self, person: _Person, day: int) -> None:
        random, churn = self.random, self.plan.churn
        if random.random() < 0.002 * churn:
            person.team = random.randrange(self.plan.teams)
            self._choose(person, day)
        elif random.random() < 0.02 * churn or any(p.last <= day for p in person.projects):
            self._choose(person, day)
        if random.random() < 0.01 * churn:
            alive = [p for p in self.projects if p.first <= day < p.last]
            person.help, person.help_until = random.choice(alive), day + random.randint(3, 20)
        if random.random() < 0.01:
            person.clients[random.randrange(len(person.clients))] = random.choice(_CLIENTS)

    def _day(self, person: _Person, day: int) -> None:
        random = self.random
        zone, office = _OFFICES[person.office]
        at_home = random.random() < 0.35
        travel = random.random() < 0.01 * self.plan.churn
        network = f"{office}.{person.team}.7" if not at_home else f"{person.home}.9"
        if travel:
            network = f"{random.randint(100, 180)}.{random.randint(1, 250)}.4.2"
            zone += random.choice((-6, -3, 2, 4))
        start = random.gauss(person.start_h, person.spread_h) - zone
        events = self.plan.events_a_day * person.volume * math.exp(random.gauss(0, 0.6))
        sessions = [(start, person.length_h, network, max(1, int(events)))]
        if random.random() < 0.06:  # an evening, on call or not
            late = f"{person.home}.9" if random.random() < 0.8 else "100.64.3.3"
            sessions.append((start + 12.5, 2.0, late, max(1, int(events / 5))))
        client = random.choice(person.clients)
        for begin, length, address, count in sessions:
            for _ in range(count):
                at = begin + length * random.betavariate(1.4, 1.6)
                self._access(person, day, at, address, client)

    def _access(self, person: _Person, day: int, at_h: float, address: str, client: str) -> None:
        random = self.random
        draw = random.random()
        if draw < person.explore:
            name, parent = random.choice(random.choice(self.projects).resources)
        elif draw < person.explore + 0.12:
            name, parent = random.choice(person.favourites)
        elif draw < person.explore + 0.2 and person.help and day < person.help_until:
            name, parent = self._zipf(person.help.resources, person)
        else:
            weights = [2 if n else 1 for n in range(len(person.projects))]
            project = random.choices(person.projects, weights)[0]
            name, parent = self._zipf(project.resources, person)
        mix = _ROLES[person.role]
        action = random.choices(list(mix), list(mix.values()))[0]
        rows = None
        if action in ("select", "export", "read"):
            rows = int(math.exp(random.gauss(3.0 if action == "read" else 4.5, 1.2)))
        time_us = int(((_FIRST_DAY + day) * 24 + at_h) * _HOUR_US)
        agent = f"{client}/{100 + day // 28}.0"
        self.out.append(Access(time_us, person.name, action, name, parent, address, agent, rows))

    def _zipf(self, resources: list[tuple[str, str]], person: _Person) -> tuple[str, str]:
        """Choose by a Zipf law whose order differs a little from person to person."""
        rank = int(len(resources) ** self.random.random()) - 1
        shift = int(person.home.split(".")[1]) % 7 if self.random.random() < 0.5 else 0
        return resources[(rank + shift) % len(resources)]

    def _machines(self, day: int) -> None:
        """Add pipelines (steady, at night) and an account that a team shares."""
        random = self.random
        for team in range(self.plan.teams):
            table = self.projects[0].resources[team % len(self.projects[0].resources)]
            for run in range(4):
                time_us = int(((_FIRST_DAY + day) * 24 + 2 + team * 0.3 + run * 0.02) * _HOUR_US)
                self.out.append(
                    Access(time_us, f"etl-{team}", "copy", table[0], table[1], "10.9.0.4", "etl/1")
                )
        if (_FIRST_DAY + day + 3) % 7 < 5:
            crew = [p for p in self.people if p.team == 0 and p.first <= day < p.last]
            for person in crew[: random.randint(0, 3)]:
                zone, office = _OFFICES[person.office]
                at = random.uniform(9, 17) - zone
                name, parent = random.choice(self.projects[0].resources)
                time_us = int(((_FIRST_DAY + day) * 24 + at) * _HOUR_US)
                self.out.append(
                    Access(
                        time_us, "shared-ops", "restart", name, parent, f"{office}.0.7", "curl/8"
                    )
                )
