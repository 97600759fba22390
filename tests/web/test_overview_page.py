"""The page of the place as a whole."""

import pytest


def test_numbers_lists_and_links(site):
    text = site.client.get("/overview").text
    assert [method for method, _ in site.log.calls] == ["overview"]
    assert '<a href="/overview?period=week" aria-current="true">7 days</a>' in text
    now = "time%3A%5B2026-11-15T12%3A20Z+TO+2026-11-22T12%3A19Z%5D"
    assert f'href="/?q={now}">6</a> <span class="none">\N{MINUS SIGN}33 %, 9 before' in text
    assert f'href="/?q=outcome%3Adenied+{now}">2</a>' in text
    assert '<a href="/profile/actor/alice"><bdi>alice</bdi></a>' in text
    assert "New actors" in text
    assert "New together, both known before" in text
    before = "time%3A%5B2026-10-18T12%3A20Z+TO+2026-11-15T12%3A19Z%5D"
    assert f'href="/?q=actor%3A%3Dalice+{before}"' in text
    assert '<td class="heat-4"><a href="/?q=actor%3A%3Doracle+service%3A%3Dsshd+' in text


def test_periods(site):
    assert "against the day before" in site.client.get("/overview?period=day").text
    assert "against the 30 days before" in site.client.get("/overview?period=month").text
    assert site.client.get("/overview?period=year").status_code == 404


@pytest.mark.parametrize(
    ("now", "last", "said"),
    [(0, 0, ""), (3, 0, "none before"), (5, 5, "as before"), (1000, 1001, "as before"),
     (6, 9, "\N{MINUS SIGN}33 %, 9 before"), (3, 2, "+50 %, 2 before"), (900, 3, "3 before")],
)  # fmt: skip
def test_a_number_against_the_last_one(now, last, said):
    from whodid.web.overview import _against

    assert _against(now, last) == said


def test_small_counts_are_seen_in_the_grid():
    from whodid.web.overview import _level

    assert [_level(n, 10_000) for n in (0, 1, 500, 1000, 5000, 10_000)] == [0, 1, 1, 2, 3, 4]


def test_nothing_happened(visit, fake):
    site = visit(fake.FakeLog())
    site.log_in()
    text = site.client.get("/overview").text
    assert "Nothing happened" in text
