"""What a schema may be at most, checked before anything is made of it, so that no schema can hold up the server."""

from __future__ import annotations

import json

from core.canonical import Json
from serving.grammar.refusal import ShapeRefused

#: Characters of a schema as JSON; of all schemas of one request together.
MAX_SIZE = 256 * 1024
#: Objects and arrays inside of each other, in the schema and while references are followed.
MAX_DEPTH = 64
#: Values that all enums have together, and alternatives and properties that one place may have.
MAX_VALUES, MAX_WIDE = 1000, 300
#: Entries or characters that may be asked for.
MAX_COUNT = 10_000
#: Objects and arrays in the schema.
MAX_PARTS = 10_000


def check(*schemas: Json) -> None:
    """Whether the schemas of one request are small enough together.

    Raises:
        ShapeRefused: it is not, or it holds text that is no Unicode.
    """
    left, values, looked = [(schema, 0) for schema in schemas], 0, 0
    while left:
        value, depth = left.pop()
        if depth > MAX_DEPTH:
            raise ShapeRefused(f"The schema is nested more than {MAX_DEPTH} deep.")
        if not isinstance(value, dict | list):
            continue
        looked += 1
        if looked > MAX_PARTS:
            raise ShapeRefused(f"The schema has more than {MAX_PARTS} parts.")
        if isinstance(value, dict):
            if depth and any(isinstance(value.get(keyword), str) for keyword in ("$schema", "$id")):
                raise ShapeRefused("`$schema` and `$id` can only stand at the top of a schema.")
            if isinstance(value.get("$ref"), str) and not value["$ref"].startswith("#"):
                raise ShapeRefused("Only references within the schema are followed (`#/$defs/…`).")
            listed = value.get("enum")
            values += len(listed) if isinstance(listed, list) else 0
            wide = max((len(value[key]) for key in ("properties", "anyOf", "oneOf", "allOf", "prefixItems", "required",
                                                    "patternProperties") if isinstance(value.get(key), dict | list)),
                       default=0)  # fmt: skip
            if wide > MAX_WIDE:
                raise ShapeRefused(f"The schema has more than {MAX_WIDE} properties or alternatives in one place.")
        if values > MAX_VALUES:
            raise ShapeRefused(f"The enums of the schema have more than {MAX_VALUES} values.")
        left.extend((part, depth + 1) for part in (value.values() if isinstance(value, dict) else value))
    try:
        size = len(json.dumps(schemas, ensure_ascii=False, allow_nan=False).encode())
    except ValueError as error:
        raise ShapeRefused("The schema holds a number or a text that JSON has not (NaN, half a surrogate).") from error
    if size > MAX_SIZE:
        raise ShapeRefused(f"The schema has more than {MAX_SIZE} bytes.")
