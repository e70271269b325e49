"""Reads connectors and routes strictly: every problem of every file at once, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.canonical import Json
from core.errors import BundleInvalid, Problem
from core.secret_store import names_in
from policies.document import Document, nearest
from policies.document import Path as Keys
from policies.reading import read_document
from policies.sentences import check_model
from policies.vocabulary import ToolShape
from tools.connectors import template
from tools.connectors.written import RESERVED, ConnectorFile, Routes, Setup, as_json

#: The connectors that casemate ships.
SHIPPED = Path(__file__).parent / "shipped"
#: The file of an admin's folder that says which connector carries out which tool.
ROUTES = "routes.yaml"
#: Connector files in one folder.
MAX_FILES = 200

_VALUE = re.compile(r"\$\{value\.([^{}]*)\}")
#: Keys under which a connector's file names a secret, besides `${secret:NAME}`.
_SECRET_KEYS = ("token", "password", "client_id", "client_secret", "key", "access_key", "secret_key", "session_token",
                "secret")  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """Everything that was read: the connectors by name, what an admin set of them, and who carries out what."""

    connectors: Mapping[str, ConnectorFile]
    setups: Mapping[str, Setup]
    #: Tool → connector. What is not in it is carried out by the lab.
    routes: Mapping[str, str]
    #: Connector → values that an admin has to set before a tool can be routed to it.
    unset: Mapping[str, tuple[str, ...]]
    #: Connector → the file it was read from.
    files: Mapping[str, Path]

    def ca_file(self, name: str) -> str | None:
        """The certificates to check a target with."""
        setup = self.setups.get(name)
        return setup.ca_file if setup else None


def load(folder: Path | None, tools: Mapping[str, ToolShape]) -> Shelf:
    """The shipped connectors, those of an admin's folder in their place or beside them, and its routes.

    Raises:
        BundleInvalid: with every problem, each with file, line and column.
    """
    problems: list[Problem] = []
    documents = {path.stem: (path, _read(path)) for path in _files(SHIPPED, problems)}
    routes = Routes()
    routes_document = Document(file=ROUTES, text="")
    if folder is not None:
        for path in _files(folder, problems):
            if path.name == ROUTES:
                routes_document = _read(path)
                routes = check_model(routes_document, Routes) or routes
            else:
                documents[path.stem] = (path, _read(path))
    connectors: dict[str, ConnectorFile] = {}
    unset: dict[str, tuple[str, ...]] = {}
    for name, (_, document) in documents.items():
        setup = routes.connectors.get(name, Setup())
        unset[name] = _fill_values(document, setup, routes_document)
        written = check_model(document, ConnectorFile)
        if written is not None:
            document.problems += _check(document, written, name, tools)
            connectors[name] = written
    routes_document.problems += _check_routes(routes_document, routes, connectors, unset, tools)
    problems += [p for _, document in documents.values() for p in document.problems] + routes_document.problems
    if problems:
        raise BundleInvalid(sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.message)))
    return Shelf(
        connectors=connectors,
        setups=routes.connectors,
        routes={tool: name for tool, name in routes.routes.items() if name != "lab"},
        unset={name: missing for name, missing in unset.items() if missing},
        files={name: path for name, (path, _) in documents.items()},
    )


def secrets_of(written: ConnectorFile) -> tuple[str, ...]:
    """Names of the secrets that a connector uses, each once."""
    names: dict[str, None] = {}

    def walk(value: Json, key: str) -> None:
        if isinstance(value, dict):
            for child_key, child in value.items():
                walk(child, child_key)
        elif isinstance(value, list):
            for child in value:
                walk(child, key)
        elif isinstance(value, str):
            names.update(dict.fromkeys(names_in(value)))

    walk(as_json(written), "")
    for section in as_json(written.auth).values() if written.auth else ():
        names.update(dict.fromkeys(text for key, text in section.items() if key in _SECRET_KEYS))
    return tuple(names)


def _files(folder: Path, problems: list[Problem]) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as error:
        said = f"is not a folder that can be read ({error.strerror}); see CASEMATE_CONNECTORS_DIR"
        problems.append(Problem(file=str(folder), line=1, column=1, message=said))
        return []
    said = "name it .yaml, so that it is read"
    problems += [Problem(file=str(path), line=1, column=1, message=said) for path in found if path.suffix == ".yml"]
    if len(found) > MAX_FILES:
        problems.append(Problem(file=str(folder), line=1, column=1, message=f"holds more than {MAX_FILES} files"))
    return [path for path in found[:MAX_FILES] if path.suffix == ".yaml"]


def _read(path: Path) -> Document:
    from policies.source import MAX_FILE

    try:
        with path.open("rb") as file:
            return read_document(file.read(MAX_FILE + 1), file=str(path))
    except OSError as error:
        document = Document(file=str(path), text="")
        document.problems.append(document.problem((), f"cannot be read ({error.strerror}); restore the file"))
        return document


# --- values


def _fill_values(document: Document, setup: Setup, routes: Document) -> tuple[str, ...]:
    """Put what an admin set into the file's `${value.NAME}`; gives the names of those that must still be set."""
    if not isinstance(document.data, dict) or not isinstance(document.data.get("values", {}), dict):
        return ()
    declared: dict[str, Json] = document.data.get("values", {})
    name = str(document.data.get("name", ""))
    for key, text in setup.values.items():
        path = ("connectors", name, "values", key)
        if key not in declared:
            hint = nearest(key, declared) or f"it has {', '.join(declared) or 'none'}"
            routes.problems.append(routes.problem(path, f"{name} has no value `{key}`; {hint}", key=True))
        elif "${" in text or not text.isprintable() or not text:
            routes.problems.append(routes.problem(path, "is printable text without `${`"))
    known = {key: setup.values.get(key, _default(declared[key])) for key in declared}

    def fill(value: Json, path: Keys) -> Json:
        if isinstance(value, dict):
            for key in (key for key in value if "${" in key):
                document.problems.append(document.problem((*path, key), "a key takes no placeholder", key=True))
            return {key: child if (*path, key) == ("values",) else fill(child, (*path, key))
                    for key, child in value.items()}  # fmt: skip
        if isinstance(value, list):
            return [fill(child, (*path, index)) for index, child in enumerate(value)]
        if isinstance(value, str):
            for key in _VALUE.findall(value):
                if key not in known:
                    said = f"`${{value.{key[:40]}}}` is not declared under `values`"
                    document.problems.append(document.problem(path, said))
            # What is not set yet must not hide what else is wrong.
            unset = "https://unset.invalid" if _VALUE.fullmatch(value) else "unset"
            return _VALUE.sub(lambda found: known.get(found[1]) or unset, value)
        return value

    document.data = fill(document.data, ())
    return tuple(key for key, text in known.items() if text is None)


def _default(declared: Json) -> str | None:
    default = declared.get("default") if isinstance(declared, dict) else None
    return default if isinstance(default, str) else None


# --- what the models cannot see


def _check(document: Document, written: ConnectorFile, stem: str, tools: Mapping[str, ToolShape]) -> Iterator[Problem]:
    if written.name != stem:
        yield document.problem(("name",), f"is `{written.name}` and the file {stem}.yaml; give both the same name")
    for tool, carried in written.tools.items():
        at: Keys = ("tools", tool)
        shape = tools.get(tool)
        if shape is None or not shape.acts:
            acting = [name for name, known in tools.items() if known.acts]
            hint = nearest(tool, acting) or f"those are {', '.join(sorted(acting))}"
            yield document.problem(at, f"`{tool}` is no tool that acts; {hint}", key=True)
            continue
        named = [*carried.expects, *([carried.indicator.argument] if carried.indicator else [])]
        for name in (name for name in named if name not in shape.arguments):
            yield document.problem(at, f"`{tool}` has no argument `{name}`; it has {', '.join(shape.arguments)}")
        yield from _check_places(document, tool, shape, with_indicator=carried.indicator is not None)


def _check_places(document: Document, tool: str, shape: ToolShape, *, with_indicator: bool) -> Iterator[Problem]:
    """Placeholders that name nothing, and look-ups used before they are made."""
    section = document.data["tools"][tool]
    base = tuple(section.get("find", {}))
    for part, own in (("find", ()), ("send", ()), ("probe", "find"), ("undo", "find")):
        if part not in section:
            continue
        finds = section[part] if part == "find" else section[part].get("find", {}) if own else {}
        for path, text in _texts(section[part], ("tools", tool, part)):
            inside = path[3:] if part == "find" else path[4:] if path[3:4] == ("find",) else ()
            before = tuple(finds)[: tuple(finds).index(str(inside[0]))] if inside else tuple(finds)
            known = {*before, *(() if part == "find" else base)}
            for place in template.places(text):
                group, _, rest = place.name.partition(".")
                name = rest.partition(".")[0]
                if place.name.startswith("secret:") and "headers" not in path:
                    yield document.problem(path, "a secret stands in a header or under `auth` only")
                elif group == "args" and rest and rest not in shape.arguments:
                    said = f"`{tool}` has no argument `{rest}`; it has {', '.join(shape.arguments) or 'none'}"
                    yield document.problem(path, said)
                elif group == "found" and name not in known:
                    yield document.problem(path, f"`found.{name}` is looked up nowhere before this")
                elif group == "indicator" and (not with_indicator or rest not in ("value", "type")):
                    yield document.problem(path, "needs `indicator` at this tool; then indicator.value and .type")


def _texts(value: Json, path: Keys) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _texts(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, (*path, index))


def _check_routes(
    document: Document,
    routes: Routes,
    connectors: Mapping[str, ConnectorFile],
    unset: Mapping[str, tuple[str, ...]],
    tools: Mapping[str, ToolShape],
) -> Iterator[Problem]:
    for name in routes.connectors:
        if name not in unset:
            hint = nearest(name, unset) or f"there are {', '.join(sorted(unset))}"
            yield document.problem(("connectors", name), f"there is no connector `{name}`; {hint}", key=True)
    for tool, name in routes.routes.items():
        at: Keys = ("routes", tool)
        if tool not in tools or not tools[tool].acts:
            hint = nearest(tool, tools) or "see `casemate connector list`"
            yield document.problem(at, f"`{tool}` is no tool that acts; {hint}", key=True)
        elif name in RESERVED:
            if name != "lab":
                yield document.problem(at, f"`{name}` cannot be chosen; it carries out its own tools")
        elif name not in unset:
            hint = nearest(name, [*unset, "lab"]) or f"there are lab, {', '.join(sorted(unset))}"
            yield document.problem(at, f"there is no connector `{name}`; {hint}")
        elif unset[name]:
            said = f"`{name}` needs {', '.join(unset[name])}; set them under connectors.{name}.values"
            yield document.problem(at, said)
        elif name in connectors and tool not in connectors[name].tools:
            can = ", ".join(connectors[name].tools)
            yield document.problem(at, f"`{name}` cannot carry out `{tool}`; it can {can}")
