"""An event as rules see it: its fields by the names that Sigma's rules use, whatever product shaped it.

Nothing is renamed away: a field keeps its own (dotted) name and gets Sigma's beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tools.investigate.answer import Object

Scalar = str | int | float | bool
#: Scalars of one event, levels walked, characters of one value.
MAX_SCALARS, MAX_DEPTH, MAX_VALUE = 2_000, 12, 32_768
#: Where products put the event inside something else.
WRAPPERS = ("_source", "detail", "winlog.event_data", "winlog.user_data", "event.original")
#: Sigma's name: other names of the same thing, by the products that use them (ECS, Defender, CrowdStrike, 4688).
NAMES: dict[str, tuple[str, ...]] = {
    "Image": ("process.executable", "NewProcessName", "ImageFileName", "exe",
              "process.path", "TgtProcImagePath"),
    "CommandLine": ("process.command_line", "ProcessCommandLine", "cmdline", "process.cmdline", "TgtProcCmdLine"),
    "ParentImage": ("process.parent.executable", "ParentProcessName", "InitiatingProcessFolderPath",
                    "ParentImageFileName", "ParentBaseFileName", "InitiatingProcessFileName", "SrcProcImagePath"),
    "ParentCommandLine": ("process.parent.command_line", "InitiatingProcessCommandLine", "SrcProcCmdLine"),
    "OriginalFileName": ("process.pe.original_file_name", "ProcessVersionInfoOriginalFileName"),
    "CurrentDirectory": ("process.working_directory", "cwd"),
    "User": ("user.name", "SubjectUserName", "AccountName", "UserName", "InitiatingProcessAccountName"),
    "IntegrityLevel": ("winlog.event_data.IntegrityLevel", "ProcessIntegrityLevel", "MandatoryLabel"),
    "TargetFilename": ("file.path", "TargetFileName"),
    "TargetObject": ("registry.path", "RegObjectName"),
    "Details": ("registry.data.strings", "RegistryValueData", "NewValue", "RegStringValue"),
    "ImageLoaded": ("dll.path",),
    "DestinationIp": ("destination.ip", "RemoteIP", "RemoteAddressIP4", "DestAddress", "dst_ip", "remote_ip"),
    "DestinationPort": ("destination.port", "RemotePort", "DestPort", "dst_port"),
    "DestinationHostname": ("destination.domain", "RemoteUrl"),
    "SourceIp": ("source.ip", "LocalIP", "SourceAddress", "src_ip"),
    "SourcePort": ("source.port", "LocalPort", "src_port"),
    "QueryName": ("dns.question.name", "DomainName", "query"),
    "ScriptBlockText": ("powershell.file.script_block_text",),
    "EventID": ("event_id", "winlog.event_id", "EventId", "event.code", "eventid"),
    "Channel": ("winlog.channel", "channel", "log_name", "LogName", "EventLog"),
    "Provider_Name": ("winlog.provider_name", "ProviderName", "SourceName", "source_name"),
    "Computer": ("host.name", "ComputerName", "DeviceName", "computer_name", "Hostname"),
    "md5": ("process.hash.md5", "MD5", "MD5HashData"),
    "sha1": ("process.hash.sha1", "SHA1"),
    "sha256": ("process.hash.sha256", "SHA256", "SHA256HashData"),
}  # fmt: skip
#: Registry roots as the kernel writes them, and as rules do.
ROOTS = (
    (re.compile(r"^\\REGISTRY\\MACHINE\\", re.IGNORECASE), "HKLM\\\\"),
    (re.compile(r"^\\REGISTRY\\USER\\", re.IGNORECASE), "HKU\\\\"),
    (re.compile(r"^HKEY_LOCAL_MACHINE\\", re.IGNORECASE), "HKLM\\\\"),
    (re.compile(r"^HKEY_USERS\\", re.IGNORECASE), "HKU\\\\"),
    (re.compile(r"^HKEY_CURRENT_USER\\", re.IGNORECASE), "HKCU\\\\"),
)
HASH_PART = re.compile(r"(MD5|SHA1|SHA256|IMPHASH)=([0-9A-Fa-f]{16,64})", re.IGNORECASE)


def as_text(value: Scalar) -> str:
    """As rules compare it: truth values as `true` and `false`, whole numbers without a fraction."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class Event:
    """One event; fields are found by their own name, without regard to case, and by Sigma's."""

    def __init__(self, row: Object) -> None:
        self._values: dict[str, list[Scalar]] = {}
        self._lower: dict[str, str] = {}
        self._texts: dict[str, tuple[str, ...]] = {}
        for name, value in _flat(_unwrapped(row)):
            self._add(name, value)
            if " " in name:  # Defender writes `Threat Name`, and rules `ThreatName`
                self._add(name.replace(" ", ""), value)
        for name, others in NAMES.items():
            if name.lower() not in self._lower:
                self._borrow(name, others)
        self._complete()

    def get(self, field: str) -> list[Scalar]:
        """Its values: none for a field that is missing or null, several for a list."""
        name = field if field in self._values else self._lower.get(field.lower(), "")
        return self._values.get(name, [])

    def lower(self, field: str) -> tuple[str, ...]:
        """Its values as texts in lower case, worked out once."""
        found = self._texts.get(field)
        if found is None:
            found = self._texts[field] = tuple(as_text(value).lower() for value in self.get(field))
        return found

    def first(self, *fields: str) -> str:
        """The first value of the first of these fields that has one."""
        return next((str(values[0]) for field in fields if (values := self.get(field))), "")

    def has(self, *fields: str) -> bool:
        """Whether all of these fields are there."""
        return all(self.get(field) for field in fields)

    def names(self) -> Iterator[str]:
        """Names of all fields."""
        yield from self._values

    def everything(self) -> Iterator[Scalar]:
        """All values, for words that are looked for anywhere."""
        for values in self._values.values():
            yield from values

    def _add(self, name: str, value: Scalar) -> None:
        kept = self._lower.setdefault(name.lower(), name)
        self._values.setdefault(kept, []).append(value[:MAX_VALUE] if isinstance(value, str) else value)

    def _borrow(self, name: str, others: tuple[str, ...]) -> None:
        for other in others:
            values = self.get(other)
            if values:
                # A bare program name stands for a path that ends with it.
                bare = name.endswith("Image") and all("\\" not in str(v) and "/" not in str(v) for v in values)
                for value in values:
                    self._add(name, f"\\{value}" if bare else value)
                return

    def _complete(self) -> None:
        for value in list(self.get("Hashes")):
            for kind, digest in HASH_PART.findall(str(value)):
                self._add("Imphash" if kind.upper() == "IMPHASH" else kind.lower(), digest)
        folder, file = self.first("FolderPath"), self.first("FileName")
        if folder and not self.get("Image") and self.get("ProcessCommandLine"):  # Defender's DeviceProcessEvents
            self._add("Image", folder)
        elif folder and file and not self.get("TargetFilename"):  # and its DeviceFileEvents
            self._add("TargetFilename", folder)
        key, value_name = self.first("ObjectName"), self.first("ObjectValueName")
        if key and value_name and not self.get("TargetObject"):  # Security 4657
            self._add("TargetObject", f"{key}\\{value_name}")
        key, value_name = self.first("RegistryKey"), self.first("RegistryValueName")
        if key and not self.get("TargetObject"):  # Defender's DeviceRegistryEvents
            self._add("TargetObject", f"{key}\\{value_name}" if value_name else key)
        for value in list(self.get("TargetObject")):
            for root, short in ROOTS:
                if root.match(str(value)):
                    self._add("TargetObject", root.sub(short, str(value)))


def _unwrapped(row: Object) -> Object:
    """Windows events without the nesting of their XML, and others out of what carried them."""
    event = row.get("Event", row)
    if isinstance(event, dict) and isinstance(event.get("System"), dict):
        return _windows(event)
    flat = dict(row)
    for wrapper in WRAPPERS:
        inner: Any = row
        for step in wrapper.split("."):
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            flat = {**inner, **flat}
    for key in ("EventData", "UserData"):
        if isinstance(row.get(key), dict):
            flat = {**dict(_data(row[key])), **flat}
    return flat


def _windows(event: Object) -> Object:
    flat: Object = {}
    for key, value in event["System"].items():
        attributes = _attributes(value)
        if key == "Provider":
            flat["Provider_Name"] = attributes.get("name")
        elif key == "TimeCreated":
            flat["TimeCreated"] = attributes.get("systemtime") or value
        elif key in {"Execution", "Correlation", "Security"}:
            flat |= {f"{key}_{name}": item for name, item in attributes.items()}
        else:
            flat[key] = _content(value)
    for key in ("EventData", "UserData"):
        if isinstance(event.get(key), dict):
            flat |= dict(_data(event[key]))
    return flat


def _data(data: Object) -> Iterator[tuple[str, Any]]:
    """Named data however XML was turned into JSON; what `UserData` wraps in one element more is taken out of it."""
    for key, value in data.items():
        if key.lstrip("@#") in {"attributes", "xmlns", "Name"} and key[:1] in "@#":
            continue
        items = value if isinstance(value, list) else [value]
        if key == "Data" and all(isinstance(item, dict) for item in items):
            for item in items:
                name = _attributes(item).get("name")
                if name:
                    yield str(name), _content(item)
        elif isinstance(value, dict) and _content(value) is value and len(data) <= 2:
            yield from _data(value)
        else:
            yield key, _content(value)


def _attributes(value: Any) -> dict[str, Any]:
    """XML attributes as the usual converters write them: `@Name`, `#attributes`, `Name`; names in lower case."""
    if not isinstance(value, dict):
        return {}
    inner = value.get("#attributes") or value.get("@attributes") or value.get("$") or value
    if not isinstance(inner, dict):
        return {}
    return {str(name).lstrip("@#-").lower(): item for name, item in inner.items()}


def _content(value: Any) -> Any:
    """The text of an XML element that has attributes as well."""
    if isinstance(value, dict):
        for key in ("#text", "_text", "text", "_", "$t", "content", "Value", "value"):
            if key in value:
                return value[key]
    return value


def _flat(row: Object) -> Iterator[tuple[str, Scalar]]:
    """Every scalar with its dotted path; the place in a list does not count."""
    waiting: list[tuple[str, Any, int]] = [(str(key), value, 1) for key, value in reversed(row.items())]
    left = MAX_SCALARS
    while waiting and left:
        name, value, depth = waiting.pop()
        if isinstance(value, dict):
            if depth < MAX_DEPTH:
                waiting += [(f"{name}.{key}", child, depth + 1) for key, child in reversed(value.items())]
        elif isinstance(value, list):
            if depth < MAX_DEPTH:
                waiting += [(name, child, depth + 1) for child in reversed(value)]
        elif value is not None:
            left -= 1
            yield name, value
