"""The events as columns: which ones, in the address; what stands in them; where links lead."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from whodid.query.fields import SEARCH_FIELDS
from whodid.web.column_view import DEFAULT, asked_columns, choices


def grid(text):
    """Heads and rows of the table, as texts."""
    table = text.split('<table class="cells">')[1].split("</table>")[0]
    heads = [
        re.sub("<[^>]+>|[▼▲✕]", "", head).strip()
        for head in re.findall(r"<th scope=\"col\".*?</th>", table, re.DOTALL)
    ]
    rows = [
        [html.unescape(re.sub("<[^>]+>", "", cell)).strip() for cell in re.findall(
            r"<td.*?</td>", row, re.DOTALL)]
        for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL) if "<td" in row
    ]  # fmt: skip
    return heads, rows


def hrefs(text, words):
    found = re.findall(r'<a\b[^>]*href="([^"]*)"[^>]*>(.*?)</a>', text, re.DOTALL)
    return [html.unescape(href) for href, inner in found if words in re.sub("<[^>]+>", "", inner)]


def test_the_view_is_in_the_address_and_stays(site):
    sentences = site.client.get("/?q=actor:alice&own=1").text
    assert 'aria-current="true">Sentences' in sentences
    [href] = hrefs(sentences, "Columns")
    assert href == f"/?q=actor%3Aalice&own=1&columns={','.join(DEFAULT)}"
    text = site.client.get(href).text
    assert 'aria-current="true">Columns' in text
    heads, rows = grid(text)
    assert heads == ["time", *DEFAULT]
    assert rows == [["10:30:15", "alice", "SELECT", "customers", "success", "203.0.113.9", "crm"]]
    main = text.split("<main")[1].split("</main>")[0]
    narrower = [h for h in re.findall(r'href="(/\?[^"]*)"', main) if "stats" not in h]
    kept = [h for h in narrower if "columns=" in h]
    assert len(narrower) - len(kept) == len(hrefs(text, "Sentences")) == 1
    assert text.count('name="columns" value="actor,action,resource,outcome,ip,source"') == 2
    assert hrefs(text, "Sentences") == ["/?q=actor%3Aalice&own=1"]


def test_chosen_columns_are_put_into_the_address(site):
    chosen = "/?q=actor:alice&column=rows&column=ip&column=actor.session"
    answer = site.client.get(chosen)
    assert answer.status_code == 303
    there = answer.headers["location"]
    assert parse_qs(urlsplit(there).query)["columns"] == ["rows,ip,actor.session"]
    heads, rows = grid(site.client.get(there).text)
    assert heads == ["time", "rows", "ip", "actor.session"]
    assert rows == [["10:30:15", "1,204", "203.0.113.9", "s-77"]]
    [without] = re.findall(r'href="([^"]*)" aria-label="Without the column ip"',
                           site.client.get(there).text)  # fmt: skip
    assert html.unescape(without).endswith("columns=rows,actor.session")
    assert site.log.calls


def test_heads_sort_and_keep_the_view(site):
    text = site.client.get("/?q=source:crm&columns=rows,resource").text
    assert 'aria-sort="descending"' in text
    by_rows = hrefs(text, "rows")[0]
    assert parse_qs(urlsplit(by_rows).query)["q"] == ["source:crm | sort -rows"]
    again = site.client.get(by_rows).text
    assert parse_qs(urlsplit(hrefs(again, "rows")[0]).query)["q"] == ["source:crm | sort rows"]
    # of a field with several values there is no order
    assert not [h for h in hrefs(text, "resource") if "sort" in h]


@pytest.mark.parametrize("text", ["nofield", "_erased", ",".join(list(SEARCH_FIELDS)[:20])])
def test_columns_that_are_none(site, text):
    answer = site.client.get("/", params={"columns": text})
    assert answer.status_code == 404
    assert "to show" in answer.text or "at most" in answer.text
    assert site.log.calls == []


def test_choices_are_in_the_order_of_what_is_shown():
    assert asked_columns(" ip, IP,actor ,,time") == ("ip", "actor")
    found = choices(("ip", "actor"))
    assert [choice.name for choice in found[:2]] == ["ip", "actor"]
    assert [choice.chosen for choice in found].count(True) == 2
    assert len(found) == len({choice.name for choice in found})
