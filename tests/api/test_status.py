"""`GET /v1/status`."""


def test_it_is_for_readers(server):
    document = server.get("/v1/status").json()
    assert document["ok"] is False
    assert document["attention"] == ["look", "1 rule cannot be read (`whodid rules check`)."]
    detection = document["detection"]
    assert (detection["behind"], detection["rules"], detection["blind"]) == (1200, 8, 1)
    assert (detection["outbox"]["waiting"], detection["outbox"]["given_up"]) == (2, 1)
    assert document["bytes"] == {"wal": 5, "other": 2, "total": 7}
    assert document["entries"]["unpublished"] == 1
    assert document["days_until_full"] == 12.3
    assert server.get("/v1/status", token="").status_code == 401
