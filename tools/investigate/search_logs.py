"""SQL over the log events that came with a ticket: DuckDB in memory, locked, one thread, one statement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

from pydantic import ConfigDict, Field

from tools.arguments import MAX_SQL
from tools.investigate.answer import InputRefused, Object, answer, clip, plural
from tools.investigate.ticket_text import events
from tools.investigate.values import plain
from tools.tool import ToolArguments, ToolFacts, tool

#: Rows shown; one more is fetched to know whether there are more.
MAX_ROWS = 50
#: Events and scalars loaded.
MAX_EVENTS, MAX_SCALARS = 20_000, 200_000
#: Characters of one value.
MAX_VALUE = 1_000
#: Columns of one result.
MAX_COLUMNS = 60
#: Levels of nesting walked for the flat table.
MAX_DEPTH = 20
#: Rows put into a table at a time.
BATCH = 5_000
#: Bytes of memory DuckDB may use before it gives up.
MEMORY = "256MB"


class Arguments(ToolArguments):
    sql: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_SQL,
            description="One SELECT over `events` (a column per key) or `flat(event, path, key, value)`.",
        ),
    ]


class Facts(ToolFacts):
    """When exactly one row comes back, each of its scalar columns is a fact as well."""

    model_config = ConfigDict(extra="allow")

    rows: int = Field(description="Rows shown.")
    truncated: bool = Field(description="There are more rows than are shown.")


class Detail(TypedDict):
    """The result as a table; each row maps columns to values."""

    columns: list[str]
    rows: list[dict[str, Any]]


@tool(
    "Run one SQL query (DuckDB) over the log events that came with the ticket.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["ticket"],
    imports=["duckdb"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """The database lives for this one query."""
    rows = events(inputs["ticket"]["fields"])
    if not rows:
        raise InputRefused("The ticket carries no log events, so there is nothing to search.")
    columns, found = table(rows, arguments["sql"], MAX_ROWS + 1)
    shown = [{name: plain(value) for name, value in zip(columns, row, strict=True)} for row in found[:MAX_ROWS]]
    facts: Object = {"rows": len(shown), "truncated": len(found) > MAX_ROWS}
    if len(shown) == 1:
        facts |= {
            name[:64]: value
            for name, value in shown[0].items()
            if isinstance(value, str | bool | int | float) and name not in facts
        }
    more = " or more" if facts["truncated"] else ""
    summary = f"{plural(len(shown), 'row')}{more} from {plural(len(rows), 'event')}."
    return answer(summary, facts, {"columns": columns, "rows": shown})


def table(rows: list[Object], sql: str, longest: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns, and at most `longest` rows, of one SELECT over the events.

    Raises:
        InputRefused: says what is wrong with the query.
    """
    import duckdb  # noqa: PLC0415, RUF100 - 150 ms, and only this needs it

    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": MEMORY})
    try:
        _load(connection, rows)
        for setting in ("enable_external_access=false", "lock_configuration=true"):
            connection.execute(f"SET {setting}")
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InputRefused("Send exactly one SELECT statement.")
        result = connection.execute(statements[0])
        columns = _unique([str(c[0]) for c in result.description or []])
        if len(columns) > MAX_COLUMNS:
            raise InputRefused(f"The result has {len(columns)} columns; select at most {MAX_COLUMNS}.")
        return columns, result.fetchmany(longest)
    except duckdb.Error as error:
        raise InputRefused(f"The query does not run: {clip(str(error), 400)}") from None
    finally:
        connection.close()


def _load(connection: Any, rows: list[Object]) -> None:
    """`flat` always loads; `events` is inferred, and where shapes clash its clashing columns become JSON text."""
    connection.execute("CREATE TABLE flat(event INTEGER, path VARCHAR, key VARCHAR, value VARCHAR)")
    scalars = [(n, *leaf) for n, row in enumerate(rows[:MAX_EVENTS]) for leaf in _leaves(row)][:MAX_SCALARS]
    _insert(connection, "flat", {"event": "INTEGER", "path": "VARCHAR", "key": "VARCHAR", "value": "VARCHAR"}, scalars)
    keys = list(dict.fromkeys(str(key) for row in rows[:MAX_EVENTS] for key in row))[:1000]
    if keys:
        kinds = [_kind([row.get(key) for row in rows[:MAX_EVENTS]]) for key in keys]
        columns = dict(zip(_unique(keys), kinds, strict=True))
        connection.execute(f"CREATE TABLE events({', '.join(f'{_quoted(n)} {kind}' for n, kind in columns.items())})")
        cells = [
            tuple(_cell(row.get(k), kind) for k, kind in zip(keys, kinds, strict=True)) for row in rows[:MAX_EVENTS]
        ]
        _insert(connection, "events", columns, cells)


def _insert(connection: Any, table: str, columns: dict[str, str], rows: list[tuple[Any, ...]]) -> None:
    """As one text of JSON, because inserting row by row is a hundred times slower, and a file may not be written."""
    for start in range(0, len(rows), BATCH):
        # Half a surrogate pair is no character, and DuckDB would refuse the whole table for it.
        texts = (json.dumps([*row], ensure_ascii=False) for row in rows[start : start + BATCH])
        lines = [text.encode("utf-8", "replace").decode() for text in texts]
        casts = ", ".join(f"CAST(line->>{i} AS {kind})" for i, kind in enumerate(columns.values()))
        connection.execute(
            f"INSERT INTO {table} SELECT {casts} FROM (SELECT unnest(?::VARCHAR[])::JSON AS line)",  # noqa: S608
            [lines],
        )


def _kind(values: list[Any]) -> str:
    present = [v for v in values if v is not None]
    if present and all(isinstance(v, bool) for v in present):
        return "BOOLEAN"
    if present and all(isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**62 for v in present):
        return "BIGINT"
    if present and all(isinstance(v, int | float) and not isinstance(v, bool) for v in present):
        return "DOUBLE"
    if present and all(isinstance(v, dict | list) for v in present):
        return "JSON"
    return "VARCHAR"


def _cell(value: Any, kind: str) -> Any:
    if value is None or kind not in {"JSON", "VARCHAR"}:
        return value
    return value if isinstance(value, str) else json.dumps(value)


def _leaves(value: Any) -> Iterator[tuple[str, str, str]]:
    """(path, key, value) of every scalar: `a.b[0].c`, `c`, as text."""
    waiting: list[tuple[str, str, Any, int]] = [("", "", value, 0)]
    while waiting:
        path, key, item, depth = waiting.pop()
        if isinstance(item, dict | list) and depth > MAX_DEPTH:
            yield path, key, clip(json.dumps(item), MAX_VALUE)
        elif isinstance(item, dict):
            waiting += [(f"{path}.{k}" if path else str(k), str(k), v, depth + 1) for k, v in reversed(item.items())]
        elif isinstance(item, list):
            waiting += [(f"{path}[{i}]", key, v, depth + 1) for i, v in reversed(list(enumerate(item)))]
        elif item is not None:
            yield path, key, item if isinstance(item, str) else json.dumps(item)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unique(names: list[str]) -> list[str]:
    """SQL names do not tell upper from lower case; a second one of the same name gets a number."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        lower = name.lower()
        seen[lower] = seen.get(lower, 0) + 1
        out.append(name if seen[lower] == 1 else f"{name}_{seen[lower]}")
    return out
