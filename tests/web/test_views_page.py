"""Saved searches, and answers as of a size of the log."""

import re

import pytest


def ids(site):
    return re.findall(r'name="id" value="([^"]+)"', site.client.get("/views").text)[::2]


def test_a_search_is_saved_renamed_shared_and_removed(site):
    text = site.client.get("/", params={"q": "actor:alice", "own": "1"}).text
    link = '<a href="/views?save=1&amp;q=actor%3Aalice&amp;own=1">Save or share this search</a>'
    assert link in text
    assert 'href="/views?save=1&amp;"' in site.client.get("/").text
    assert "Save this search" in site.client.get("/views?save=1&").text
    assert "Save this search" not in site.client.get("/views?q=actor:alice").text
    text = site.client.get("/views?save=1&q=actor%3Aalice&own=1&cols=ip&before=x").text
    assert 'name="state" value="own=1&amp;cols=ip"' in text
    csrf = site.csrf("/views")
    form = {"csrf": csrf, "name": "About Alice", "q": "actor:alice", "state": "own=1&cols=ip"}
    assert site.client.post("/views", data=form).headers["location"] == "/views"
    text = site.client.get("/views").text
    link = '<a href="/?q=actor%3Aalice&amp;own=1&amp;cols=ip"><bdi>About Alice</bdi></a>'
    assert link in text
    assert '<a class="none" href="/at/7?q=actor%3Aalice&amp;own=1">As of now</a>' in text
    assert "<td>yours</td>" in text
    [view_id] = ids(site)
    change = {"csrf": csrf, "id": view_id, "name": "Alice", "shared": "1"}
    assert site.client.post("/views/change", data=change).status_code == 303
    assert "<td>yours, shared</td>" in site.client.get("/views").text
    site.client.post("/views/remove", data={"csrf": csrf, "id": view_id})
    assert "None yet" in site.client.get("/views").text
    changes = [record[:3] for record in site.log.recorded if record[1] != "list views"]
    assert changes == [
        ("admin", "save view", "About Alice"), ("admin", "change view", "About Alice"),
        ("admin", "remove view", "Alice"),
    ]  # fmt: skip


def test_what_others_share_can_be_opened_and_not_changed(site):
    views = site.doorkeeper.views
    shared = views.save("bob", "Denials", "outcome:denied", "", shared=True)
    views.save("bob", "Secret", "actor:eve", "", shared=False)
    views.save("bob", "Old", "nofield:x", "", shared=True)
    text = site.client.get("/views").text
    assert "<bdi>Denials</bdi>" in text
    assert "Secret" not in text
    assert "no longer understood" in text
    assert 'action="/views/change"' not in text
    form = {"csrf": site.csrf("/about"), "id": shared.id, "name": "Mine", "shared": "0"}
    assert site.client.post("/views/change", data=form).status_code == 403
    assert site.client.post("/views/remove", data=form).status_code == 403
    assert views.find(shared.id, "admin").name == "Denials"


@pytest.mark.parametrize("form", [{"name": ""}, {"name": "x" * 81}, {"name": "x", "state": "é"}])
def test_what_cannot_be_saved_is_said_beside_the_form(site, form):
    csrf = site.csrf("/about")
    answer = site.client.post("/views", data={"csrf": csrf, "q": "actor:alice", **form})
    assert answer.status_code == 400
    assert 'class="refused"' in answer.text
    assert 'name="q" value="actor:alice"' in answer.text


def test_a_form_without_its_token_saves_nothing(site):
    assert site.client.post("/views", data={"name": "x", "q": ""}).status_code == 403
    assert site.doorkeeper.views.seen_by("admin") == []


def test_an_administrator_has_none(site):
    site.doorkeeper.users.set_rights("admin", role="administrator")
    site.log_in()
    assert site.client.get("/views").status_code == 403


def test_an_answer_as_of_a_size(site):
    text = site.client.get("/at/3?q=").text
    assert [method for method, _ in site.log.calls] == ["search_at"]
    assert "As of the first 3 entries" in text
    assert "<strong>3 events</strong>" in text
    assert "4 entries are newer" in text
    assert '<a href="/">the same search now</a>' in text
    assert '<a href="/at/3?q=">link to it</a>' in text
    assert '<a class="actor" href="/at/3?q=actor%3Aalice">' in text
    assert "signed head</a> covers 3" in text
    table = site.client.get("/at/3?q=|+stats+by+(actor)").text
    assert "alice" in table
    assert "<strong>3 events</strong>" in table


@pytest.mark.parametrize("size", ["0", "8", "x", "-1", "9" * 20, "1.5", "\u0663"])
def test_sizes_that_the_log_does_not_have(site, size):
    assert site.client.get(f"/at/{size}?q=").status_code == 404


def test_a_search_that_is_none(site):
    assert site.client.get("/at/3?q=(").status_code == 400
