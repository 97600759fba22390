"""At the database: salaries read by a contractor, and a table changed in production at night."""

from collections.abc import Iterator

from whodid.demo.act import Act
from whodid.demo.cast import BERLIN, BY_EMAIL, LISBON, inside_ip
from whodid.demo.life.database import Statement, psql_session, refused_login
from whodid.demo.scenes.names import (
    NIGHT_ENGINEER,
    NIGHT_TABLE,
    SALARY_READER,
    SALARY_TABLE,
)
from whodid.demo.stage import MINUTE_US, Stage

_SALARY_DAY = 18
_NIGHT_DAY = 26
_CONTRACTOR_IP = "10.99.2.71"


def salary_acts(stage: Stage) -> Iterator[Act]:
    """Yield the yearly look of the people team, and a contractor's who has no business there."""
    chance = stage.chance("salary")
    read_all = Statement("SELECT", SALARY_TABLE, "SELECT * FROM hr.salaries", 45)
    review = Statement(
        "SELECT", SALARY_TABLE,
        "SELECT team, percentile_cont(0.5) WITHIN GROUP (ORDER BY yearly) FROM hr.salaries "
        "GROUP BY team", 9,
    )  # fmt: skip
    owner = BY_EMAIL["zsofia.bartok@example.com"]
    yield from psql_session(
        chance, "salary-review", owner.login,
        stage.at(stage.workday(5), 10.5, BERLIN), [review], ip=inside_ip(owner), database="hr",
    )  # fmt: skip
    reader = BY_EMAIL[SALARY_READER]
    time_us = stage.at(stage.workday(_SALARY_DAY), 19.4, LISBON)
    yield from refused_login(
        chance, reader.login, time_us - 2 * MINUTE_US, ip=_CONTRACTOR_IP, database="hr"
    )
    yield from psql_session(
        chance, "salary-read", reader.login, time_us,
        [
            Statement(
                "SELECT", "information_schema.tables",
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'hr'",
                14, "VIEW",
            ),
            read_all,
        ],
        ip=_CONTRACTOR_IP, database="hr",
    )  # fmt: skip


def night_change_acts(stage: Stage) -> Iterator[Act]:
    """Yield DDL on the invoices at half past two, local time, without a release."""
    chance = stage.chance("night change")
    engineer = BY_EMAIL[NIGHT_ENGINEER]
    yield from psql_session(
        chance, "night-change", engineer.login,
        stage.at(stage.day(_NIGHT_DAY), 2.55, BERLIN),
        [
            Statement("SELECT", NIGHT_TABLE, "SELECT count(*) FROM invoices", 1),
            Statement(
                "ALTER TABLE", NIGHT_TABLE, "ALTER TABLE invoices DROP COLUMN approved_by", 0
            ),
            Statement("DROP TABLE", "public.invoices_2019", "DROP TABLE invoices_2019", 0),
        ],
        ip="10.99.2.58", database="billing",
    )  # fmt: skip
