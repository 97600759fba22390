"""The company: its offices, people, services, agents, machines and things. Data only.

Time zones are fixed offsets (no daylight saving): the demo must run where no zone database is.
"""

from dataclasses import dataclass

DOMAIN = "example.com"


@dataclass(slots=True, frozen=True)
class Office:
    """A place of work. `network` is what the internet sees, `inside` the private prefix."""

    city: str
    country: str
    utc_offset_h: float
    network: str
    inside: str


LISBON = Office("Lisbon", "PT", 0, "192.0.2.10", "10.20.1")
BERLIN = Office("Berlin", "DE", 1, "192.0.2.26", "10.20.2")
LAGOS = Office("Lagos", "NG", 1, "192.0.2.42", "10.20.3")
BENGALURU = Office("Bengaluru", "IN", 5.5, "192.0.2.58", "10.20.4")
RECIFE = Office("Recife", "BR", -3, "192.0.2.74", "10.20.5")
CHICAGO = Office("Chicago", "US", -6, "192.0.2.90", "10.20.6")
OSAKA = Office("Osaka", "JP", 9, "192.0.2.106", "10.20.7")

OFFICES = (LISBON, BERLIN, LAGOS, BENGALURU, RECIFE, CHICAGO, OSAKA)


@dataclass(slots=True, frozen=True)
class Person:
    """Somebody with an account. `email` is unique; `left_day` is the last day of work, if any."""

    name: str
    email: str
    team: str
    office: Office
    home_ip: str
    agent: str
    left_day: int | None = None

    @property
    def login(self) -> str:
        """The short name on machines and databases: first letter and surname."""
        first, _, last = self.email.partition("@")[0].partition(".")
        return first[0] + last.replace(".", "")


_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
_SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15"
)
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
_PHONE = (
    "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36"
)
BROWSERS = (_CHROME, _SAFARI, _FIREFOX, _PHONE)

_PEOPLE: tuple[tuple[str, str, str, Office], ...] = (
    ("Inês Almeida", "ines.almeida", "sales", LISBON),
    ("Tobias Krantz", "tobias.krantz", "sales", BERLIN),
    ("Chidi Okafor", "chidi.okafor", "sales", LAGOS),
    ("Morgan Whitfield", "morgan.whitfield", "sales", CHICAGO),
    ("Luana Bezerra", "luana.bezerra", "sales", RECIFE),
    ("Haruto Shimizu", "haruto.shimizu", "sales", OSAKA),
    ("Greta Vollmer", "greta.vollmer", "sales", BERLIN),
    ("Devika Menon", "devika.menon", "sales", BENGALURU),
    ("Nuno Carvalhal", "nuno.carvalhal", "support", LISBON),
    ("Ngozi Adeleke", "ngozi.adeleke", "support", LAGOS),
    ("Farid Hosseini", "farid.hosseini", "support", BERLIN),
    ("Ananya Kulkarni", "ananya.kulkarni", "support", BENGALURU),
    ("Caio Figueira", "caio.figueira", "support", RECIFE),
    ("Yui Kanemoto", "yui.kanemoto", "support", OSAKA),
    ("Dakota Reyes", "dakota.reyes", "support", CHICAGO),
    ("Siobhán Daly", "siobhan.daly", "support", LISBON),
    ("Emeka Obiora", "emeka.obiora", "support", LAGOS),
    ("Mirela Ionescu", "mirela.ionescu", "finance", BERLIN),
    ("Joaquim Tavares", "joaquim.tavares", "finance", LISBON),
    ("Rashmi Pai", "rashmi.pai", "finance", BENGALURU),
    ("Ellis Carmichael", "ellis.carmichael", "finance", CHICAGO),
    ("Zsófia Bartók-Nagy", "zsofia.bartok", "people", BERLIN),
    ("Beatriz Quental", "beatriz.quental", "people", LISBON),
    ("Folake Adesina", "folake.adesina", "people", LAGOS),
    ("Łukasz Wrona", "lukasz.wrona", "engineering", BERLIN),
    ("Saskia de Ruyter", "saskia.deruyter", "engineering", BERLIN),
    ("Arjun Shetty", "arjun.shetty", "engineering", BENGALURU),
    ("Kavya Nambiar", "kavya.nambiar", "engineering", BENGALURU),
    ("Thiago Leal", "thiago.leal", "engineering", RECIFE),
    ("Riku Takeda", "riku.takeda", "engineering", OSAKA),
    ("Oluwaseun Bello", "oluwaseun.bello", "engineering", LAGOS),
    ("Henrique Sá", "henrique.sa", "engineering", LISBON),
    ("Noor van Dijk", "noor.vandijk", "engineering", BERLIN),
    ("Wei-Ting Hsu", "weiting.hsu", "engineering", OSAKA),
    ("Amara Nwosu", "amara.nwosu", "data", LAGOS),
    ("Petra Havlíčková", "petra.havlickova", "data", BERLIN),
    ("Sanjay Bhat", "sanjay.bhat", "data", BENGALURU),
    ("Ruth Abernathy", "ruth.abernathy", "operations", CHICAGO),
    ("Mateus Pinho", "mateus.pinho", "operations", LISBON),
    ("Aarti Deshmukh", "aarti.deshmukh", "operations", BENGALURU),
    ("Kenji Oshiro", "kenji.oshiro", "operations", OSAKA),
    ("Claire Dubreuil", "claire.dubreuil", "contractor", LISBON),
    ("Ivo Marinov", "ivo.marinov", "contractor", BERLIN),
    ("Leonor Vasques", "leonor.vasques", "management", LISBON),
    ("Adaeze Umeh", "adaeze.umeh", "management", LAGOS),
)

LEAVER = f"tobias.krantz@{DOMAIN}"
OTHER_LEAVER = f"emeka.obiora@{DOMAIN}"
LEFT_DAY = {LEAVER: 12, OTHER_LEAVER: 9}


def _person(number: int, name: str, local: str, team: str, office: Office) -> Person:
    home = (
        f"198.51.100.{20 + number * 2}"
        if number % 5
        else f"2001:db8:{number + 0x100:x}:7::{number * 37 % 997:x}"
    )
    email = f"{local}@{DOMAIN}"
    browser = BROWSERS[number * 7 % 11 % 4]
    return Person(name, email, team, office, home, browser, LEFT_DAY.get(email))


PEOPLE: tuple[Person, ...] = tuple(_person(n, *row) for n, row in enumerate(_PEOPLE))
BY_EMAIL: dict[str, Person] = {person.email: person for person in PEOPLE}


def inside_ip(person: Person) -> str:
    """Return the address of a person's desk in the private network of the office."""
    return f"{person.office.inside}.{30 + PEOPLE.index(person)}"


@dataclass(slots=True, frozen=True)
class Agent:
    """An AI agent: works only for people of `teams`, through the gateway, with `tools`."""

    id: str
    teams: tuple[str, ...]
    model: str
    tools: tuple[tuple[str, str, int], ...]
    """(tool, resource, greatest usual number of rows)"""


AGENTS: tuple[Agent, ...] = (
    Agent("renewal-scout", ("sales", "management"), "meridian-4-large", (
        ("crm.read_customer", "customers", 1),
        ("crm.search_customers", "customers", 50),
        ("crm.list_opportunities", "opportunities", 40),
        ("mail.create_draft", "mailbox/drafts", 1),
    )),
    Agent("ticket-triage", ("support",), "meridian-4-small", (
        ("crm.read_ticket", "tickets", 1),
        ("crm.search_tickets", "tickets", 25),
        ("crm.update_ticket", "tickets", 1),
        ("kb.search_articles", "knowledge-base", 10),
    )),
    Agent("ledger-clerk", ("finance",), "meridian-4-small", (
        ("billing.read_invoice", "invoices", 1),
        ("billing.list_invoices", "invoices", 100),
        ("billing.update_reminder", "reminders", 1),
    )),
    Agent("code-mender", ("engineering", "operations"), "forge-2", (
        ("repo.read_file", "repo/storefront", 1),
        ("repo.search_code", "repo/storefront", 30),
        ("repo.create_pull_request", "repo/storefront", 1),
        ("ci.list_runs", "ci/storefront", 20),
    )),
)  # fmt: skip

AWS_ACCOUNT = "111122223333"
AWS_REGION = "eu-central-1"

RELEASES: dict[str, tuple[tuple[float, str], ...]] = {
    "crm": ((0, "5.1.4"), (6.4, "5.2.0"), (6.6, "5.2.1"), (20.45, "5.3.0")),
    "billing": ((0, "2.17.0"), (13.55, "2.18.0")),
    "admin-console": ((0, "1.9.2"), (8.5, "1.9.3"), (22.4, "1.10.0")),
    "hr-portal": ((0, "2026.10"), (15.6, "2026.11")),
    "ai-gateway": ((0, "0.31.0"), (4.6, "0.32.0"), (11.5, "0.32.1"), (18.6, "0.33.0")),
    "vpn": ((0, "7.4.2"),),
}
"""Service → (day of the story, version), in order."""

CUSTOMERS = 418_000
"""How many customers the company has; ids are below this."""
