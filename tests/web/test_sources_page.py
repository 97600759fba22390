"""The page of sources: how each is doing, and in which order."""

import re

import pytest

from whodid.app.answer import SourceInfo
from whodid.app.source_state import SourceState
from whodid.web import sources


def names(text):
    return re.findall(r'<th scope="row"><a href="[^"]+"><bdi>([^<]+)</bdi>', text)


def test_how_each_source_is_doing(site):
    text = site.client.get("/sources").text
    assert [method for method, _ in site.log.calls] == ["source_states"]
    assert names(text) == ["bastion", "crm", "files", "web"]
    assert "silent for 3 h 20 min; its longest pause in 7 days was 30 min" in text
    assert 'aria-label="3 in the last hour, 214 in 24 hours"' in text
    assert text.count("<rect") == 4 * 22, "no bar for an hour without events"
    assert "1.500 s" in text
    assert "95 % within 1 min 30 s" in text
    assert "ahead by 7.000 s: 1 event from the future" in text
    assert "2 missing in 1 gap" in text
    assert '<a href="/?q=source%3Acrm">' in text


@pytest.mark.parametrize(
    ("sort", "first", "shown"),
    [("name", "bastion", "ascending"), ("-name", "web", "descending"),
     ("-events", "crm", "descending"), ("nonsense", "bastion", "ascending")],
)  # fmt: skip
def test_sorting_by_links(site, sort, first, shown):
    text = site.client.get(f"/sources?sort={sort}").text
    assert names(text)[0] == first
    assert text.count("aria-sort") == 1
    assert f'aria-sort="{shown}"' in text
    for address in re.findall(r'<a href="(/sources\?sort=[^"]+)"', text):
        assert len(names(site.client.get(address).text)) == 4


def test_what_is_not_known_is_said():
    row = sources._row(
        SourceState(SourceInfo("s", "json", "s", 0, 0, 0, None), None, None, None, None)
    )
    assert (row.bars, row.hours) == ([], "nothing in the last 7 days")
    assert (row.way, row.clock, row.numbers, row.silence) == ("", "", "", "")
