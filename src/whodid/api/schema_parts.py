"""What schemas are made of: kinds of values, lists, objects, references."""

from typing import Any

from whodid.detection.rule import LEVELS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
SECONDS: Schema = {"type": "number"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MAYBE_NUMBER: Schema = {"type": ["integer", "null"]}
YES_NO: Schema = {"type": "boolean"}
INSTANT: Schema = {"type": ["string", "null"], "format": "date-time"}
TEXTS: Schema = {"type": "array", "items": TEXT}
LEVEL: Schema = {"type": "string", "enum": list(LEVELS)}
BASE64: Schema = {"type": "string", "contentEncoding": "base64"}
MAYBE_BASE64: Schema = {"type": ["string", "null"], "contentEncoding": "base64"}
MAYBE_BASE64S: Schema = {"type": "array", "items": MAYBE_BASE64}


def reference(name: str) -> Schema:
    """Return a reference to a schema of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def shape(description: str, /, **properties: Schema) -> Schema:
    """Return the schema of an object that has all of these."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
    }


FACET = shape(
    "The most frequent values of a field.",
    field=TEXT,
    values=listed(shape("A value.", value={"type": ["string", "integer"]}, count=NUMBER)),
    distinct=NUMBER,
    missing=NUMBER,
    is_exact=YES_NO,
)

MEANT = shape(
    "Another search that may have been meant, and why that is not what was typed.",
    text=TEXT,
    reasons=TEXTS,
)
MAYBE_MEANT: Schema = {"oneOf": [MEANT, {"type": "null"}]}
