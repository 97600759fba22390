import re
import time

import pytest
from starlette.routing import Route

import desks_kit


@pytest.fixture
def document(server):
    response = server.get("/openapi.json", token="")
    assert response.status_code == 200
    return response.json()


def valid(schema, value, root):
    """A small JSON Schema check: the keywords that our document uses."""
    if "$ref" in schema:
        schema = root["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "oneOf" in schema:
        fitting = [one for one in schema["oneOf"] if _fits(one, value, root)]
        assert len(fitting) == 1, f"{len(fitting)} of oneOf fit"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    types = {
        "object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
        "null": type(None), "number": (int, float),
    }  # fmt: skip
    allowed = [one for kind in kinds for one in _several(types[kind])]
    if kinds and type(value) not in allowed:
        raise AssertionError(f"{value!r} is not {kinds}")
    if "enum" in schema:
        assert value in schema["enum"]
    if isinstance(value, dict) and "properties" in schema:
        missing = set(schema.get("required", [])) - set(value)
        assert not missing, missing
        for key, item in value.items():
            if key in schema["properties"]:
                valid(schema["properties"][key], item, root)
            else:
                assert schema.get("additionalProperties", True), f"{key} is not described"
    if isinstance(value, list) and "items" in schema:
        for item in value:
            valid(schema["items"], item, root)


def _several(kind):
    return kind if isinstance(kind, tuple) else (kind,)


def _fits(schema, value, root):
    try:
        valid(schema, value, root)
    except AssertionError:
        return False
    return True


def test_every_route_is_described_and_the_reverse(server, document):
    served = {
        re.sub(r":path\}", "}", route.path)
        for route in server.routes
        if isinstance(route, Route) and "{rest" not in route.path
    }
    assert served | {"/v1/events"} == set(document["paths"])
    assert document["openapi"].startswith("3.1")


def test_references_and_path_parameters_are_there(document):
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert names == set(document["components"]["schemas"]) - ({"Event"} - names)
    ids = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            ids.append(operation["operationId"])
            in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert in_path == set(re.findall(r"\{(\w+)\}", path))
            for requirement in operation["security"]:
                assert set(requirement) <= set(document["components"]["securitySchemes"])
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/v1/search", "/v1/search"),
        ("/v1/search?q=|stats%20by%20(actor)", "/v1/search"),
        ("/v1/histogram", "/v1/histogram"),
        ("/v1/histogram?q=(", "/v1/histogram"),
        ("/v1/facets?fields=actor,rows&values=3&own=1", "/v1/facets"),
        ("/v1/facets?values=0", "/v1/facets"),
        ("/v1/events/0190-id", "/v1/events/{event_id}"),
        ("/v1/events/0190-id/proof", "/v1/events/{event_id}/proof"),
        ("/v1/trace/corr-123", "/v1/trace/{trace_id}"),
        ("/v1/trace/corr-123?inferred=maybe", "/v1/trace/{trace_id}"),
        ("/v1/profile/actor/alice", "/v1/profile/{kind}/{value}"),
        ("/v1/profile/planet/earth", "/v1/profile/{kind}/{value}"),
        ("/v1/search?at=7", "/v1/search"),
        ("/v1/search?at=7&as=ocsf", "/v1/search"),
        ("/v1/search?at=7&q=|stats%20by%20(actor)", "/v1/search"),
        ("/v1/search?at=11", "/v1/search"),
        ("/v1/overview", "/v1/overview"),
        ("/v1/overview?period=year", "/v1/overview"),
        ("/v1/lookers", "/v1/lookers"),
        ("/v1/lookers?of=actor&named=bob&q=time:today&limit=5", "/v1/lookers"),
        ("/v1/lookers?named=bob", "/v1/lookers"),
        ("/v1/sources", "/v1/sources"),
        ("/healthz", "/healthz"),
        ("/v1/search?q=(", "/v1/search"),
        ("/v1/events/none", "/v1/events/{event_id}"),
    ],
)
def test_answers_have_the_shape_that_is_described(server, document, url, path):
    response = server.get(url)
    described = document["paths"][path]["get"]["responses"][str(response.status_code)]
    media = response.headers["content-type"]
    valid(described["content"][media]["schema"], response.json(), document)


def test_public_operations_and_no_others_need_no_credential(server, document):
    for path, operations in document["paths"].items():
        if "get" not in operations or path in {"/metrics", "/v1/events"}:
            continue
        values = {
            "event_id": "0190-id",
            "trace_id": "corr-123",
            "kind": "actor",
            "value": "x",
            "name": "demo",
            "path": "0/000",
            "alert_id": "0190",
            "rule_id": "rule-high",
            "backtest_id": "0190",
        }
        status = server.get(path.format(**values), token="").status_code
        assert (status == 200) == (operations["get"]["security"] == []), path


def test_rules_looks_and_messages_have_the_shape_that_is_described(server, document, tmp_path):
    desks_kit.with_rules(tmp_path)
    desks_kit.messages(tmp_path)

    def post(path, **body):
        return server.get(path, method="POST", json=body).json()

    begun = post("/v1/backtests", rule="rule-high", days=7)
    server.processes[0].free.set()
    end = time.monotonic() + 120
    while (done := server.get(f"/v1/backtests/{begun['id']}").json())["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.01)
    assert done["answer"]
    for name, value in (
        ("Backtest", begun), ("Backtest", done), ("Rules", server.get("/v1/rules").json()),
        ("RuleDetail", server.get("/v1/rules/rule-high").json()),
        ("RuleDetail", server.get("/v1/rules/over").json()),
        ("Outbox", server.get("/v1/outbox").json()),
        ("Messages", post("/v1/outbox/send-again", ids=["m3"])),
    ):  # fmt: skip
        valid(document["components"]["schemas"][name], value, document)
