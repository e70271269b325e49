"""From which log an event comes, in Sigma's words: product, service, categories."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.investigate.answer import Object
from tools.investigate.sigma.events import Event

#: Windows channels by Sigma's name of the service.
CHANNELS: dict[str, tuple[str, ...]] = {
    "application": ("Application",),
    "security": ("Security",),
    "system": ("System",),
    "sysmon": ("Microsoft-Windows-Sysmon/Operational", "Linux-Sysmon/Operational"),
    "powershell": ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"),
    "powershell-classic": ("Windows PowerShell",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
    "windefend": ("Microsoft-Windows-Windows Defender/Operational",),
    "dns-server": ("DNS Server",),
    "dns-server-audit": ("Microsoft-Windows-DNS-Server/Audit",),
    "dns-server-analytic": ("Microsoft-Windows-DNS-Server/Analytical",),
    "dns-client": ("Microsoft-Windows-DNS Client Events/Operational", "Microsoft-Windows-DNS-Client/Operational"),
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "dhcp": ("Microsoft-Windows-DHCP-Server/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "ldap_debug": ("Microsoft-Windows-LDAP-Client/Debug",),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "codeintegrity-operational": ("Microsoft-Windows-CodeIntegrity/Operational",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "applocker": (
        "Microsoft-Windows-AppLocker/EXE and DLL", "Microsoft-Windows-AppLocker/MSI and Script",
        "Microsoft-Windows-AppLocker/Packaged app-Deployment", "Microsoft-Windows-AppLocker/Packaged app-Execution",
    ),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "bits-client": ("Microsoft-Windows-Bits-Client/Operational",),
    "msexchange-management": ("MSExchange Management",),
    "security-mitigations": (
        "Microsoft-Windows-Security-Mitigations/Kernel Mode", "Microsoft-Windows-Security-Mitigations/User Mode",
    ),
    "diagnosis-scripted": ("Microsoft-Windows-Diagnosis-Scripted/Operational",),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP-Operational", "Microsoft-Windows-VHDMP/Operational"),
    "appxdeployment-server": ("Microsoft-Windows-AppXDeploymentServer/Operational",),
    "appxpackaging-om": ("Microsoft-Windows-AppxPackaging/Operational",),
    "appmodel-runtime": ("Microsoft-Windows-AppModel-Runtime/Admin",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "capi2": ("Microsoft-Windows-CAPI2/Operational",),
    "certificateservicesclient-lifecycle-system": (
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
    ),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing",),
    "kernel-shimengine": ("Microsoft-Windows-Kernel-ShimEngine/Operational",),
    "hyper-v-worker": ("Microsoft-Windows-Hyper-V-Worker",),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "servicebus-client": ("Microsoft-ServiceBus-Client",),
    "microsoft-servicebus-client": ("Microsoft-ServiceBus-Client",),
}  # fmt: skip
SERVICES = {channel.lower(): service for service, channels in CHANNELS.items() for channel in channels}
#: Sysmon's event ids by what Sigma calls such an event.
SYSMON: dict[int, tuple[str, ...]] = {
    1: ("process_creation",), 2: ("file_change",), 3: ("network_connection",), 4: ("sysmon_status",),
    5: ("process_termination",), 6: ("driver_load",), 7: ("image_load",), 8: ("create_remote_thread",),
    9: ("raw_access_thread", "raw_access_read"), 10: ("process_access",), 11: ("file_event",),
    12: ("registry_add", "registry_delete", "registry_event"), 13: ("registry_set", "registry_event"),
    14: ("registry_rename", "registry_event"), 15: ("create_stream_hash",), 16: ("sysmon_status",),
    17: ("pipe_created",), 18: ("pipe_created",), 19: ("wmi_event",), 20: ("wmi_event",), 21: ("wmi_event",),
    22: ("dns_query",), 23: ("file_delete",), 24: ("clipboard_capture", "clipboard_change"),
    25: ("process_tampering",), 26: ("file_delete", "file_delete_detected"), 27: ("file_block_executable",),
    28: ("file_block_shredding",), 29: ("file_executable_detected",), 255: ("sysmon_error",),
}  # fmt: skip
#: Events of other channels that are of a category too.
OTHERS: dict[tuple[str, int], tuple[str, ...]] = {
    ("security", 4688): ("process_creation",),
    ("security", 4689): ("process_termination",),
    ("security", 4657): ("registry_set", "registry_event"),
    ("security", 5156): ("network_connection",),
    ("powershell", 4103): ("ps_module",),
    ("powershell", 4104): ("ps_script",),
    ("powershell-classic", 400): ("ps_classic_start",),
    ("powershell-classic", 600): ("ps_classic_provider_start",),
    ("powershell-classic", 800): ("ps_classic_script",),
    ("dns-client", 3008): ("dns_query",),
}
#: Without a channel: fields that only events of a category have together.
SHAPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("process_access", ("SourceImage", "TargetImage", "GrantedAccess")),
    ("create_remote_thread", ("SourceImage", "TargetImage", "StartAddress")),
    ("registry_set", ("TargetObject", "Details")),
    ("registry_event", ("TargetObject",)),
    ("image_load", ("ImageLoaded", "Image")),
    ("driver_load", ("ImageLoaded",)),
    ("pipe_created", ("PipeName",)),
    ("ps_script", ("ScriptBlockText",)),
    ("dns_query", ("QueryName",)),
    ("dns", ("QueryName",)),
    ("file_event", ("TargetFilename",)),
    ("process_creation", ("CommandLine",)),
    ("process_creation", ("Image", "ParentImage")),
    ("network_connection", ("DestinationIp", "Image")),
    ("firewall", ("SourceIp", "DestinationIp", "DestinationPort")),
    ("proxy", ("c-uri",)),
    ("webserver", ("cs-uri-stem",)),
    ("webserver", ("cs-uri-query",)),
    ("antivirus", ("Signature", "Filename")),
)
WINDOWS_PATH = re.compile(r"^(?:[A-Za-z]:|\\Device|\\\\|%)\\?|\\|\.exe\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """None for what the event does not tell: then a rule's own fields decide."""

    product: str | None
    service: str | None
    categories: frozenset[str] | None

    @property
    def known(self) -> bool:
        """Whether the event tells anything about its log."""
        return self.product is not None or self.categories is not None

    def fits(self, wanted: Object) -> bool:
        """Whether a rule for that log source is about such an event."""
        product, category, service = (wanted.get(name) for name in ("product", "category", "service"))
        if product and self.product and product != self.product:
            return False
        if category and self.categories is not None and category not in self.categories:
            return False
        return not (service and self.service and service != self.service)


def source(event: Event) -> Source:
    """The log an event comes from, by its channel, by marks that only one product has, or by its fields."""
    channel, number = event.first("Channel").lower(), _number(event.first("EventID"))
    service = SERVICES.get(channel) or _provider(event)
    if channel or service or (number is not None and event.has("Computer")):
        return _windows(service, channel, number, event)
    told = _cloud(event)
    if told is not None:
        return told
    shapes = frozenset(name for name, fields in SHAPES if event.has(*fields))
    product = _platform(event)
    return Source(product, None, shapes or None)


def _windows(service: str | None, channel: str, number: int | None, event: Event) -> Source:
    product = "linux" if channel.startswith("linux-") else "windows"
    if service is None and channel:
        return Source(product, channel, frozenset())
    if service is None:
        # An event id without its channel: Sysmon's have fields that no other event has.
        if event.has("UtcTime", "ProcessGuid") or event.has("RuleName", "UtcTime"):
            service = "sysmon"
        else:
            shapes = frozenset(name for name, fields in SHAPES if event.has(*fields))
            return Source(product, None, shapes or None)
    if number is None:
        return Source(product, service, None)
    found = SYSMON.get(number, ()) if service == "sysmon" else OTHERS.get((service, number), ())
    return Source(product, service, frozenset(found))


def _provider(event: Event) -> str | None:
    name = event.first("Provider_Name").lower()
    if name in {"microsoft-windows-sysmon", "linux-sysmon"}:
        return "sysmon"
    return {"microsoft-windows-security-auditing": "security", "service control manager": "system"}.get(name)


def _cloud(event: Event) -> Source | None:
    """Products whose events have marks of their own; their services are Sigma's."""
    everything: frozenset[str] = frozenset()
    labelled = event.first("p_log_type").lower()
    if event.has("eventSource", "eventName") or labelled.startswith("aws.cloudtrail"):
        return Source("aws", "cloudtrail", everything)
    if event.has("eventType") and (event.has("published") or event.has("legacyEventType") or event.has("actor.id")):
        return Source("okta", "okta", everything)
    if event.has("protoPayload.methodName") or event.has("logName", "insertId"):
        return Source("gcp", None, everything)
    if event.has("Workload", "Operation"):
        return Source("m365", None, everything)
    if event.has("userPrincipalName") and (event.has("conditionalAccessStatus") or event.has("appDisplayName")):
        return Source("azure", "signinlogs", everything)
    if event.has("operationName") and (
        event.has("tenantId") or event.has("resourceId") or event.has("activityDateTime")
    ):
        return Source("azure", None, everything)
    if labelled.startswith("github") or (event.has("action", "actor") and event.has("org")):
        return Source("github", "audit", everything)
    if event.has("id.applicationName"):
        return Source("gcp", "google_workspace.admin", everything)
    if event.has("auditID", "verb"):
        return Source("kubernetes", "audit", everything)
    if event.has("mnemonic") or event.has("CmdSet"):
        return Source("cisco", None, everything)
    return None


def _platform(event: Event) -> str | None:
    """The system a program ran on, by its path; None when there is none to tell by."""
    said = event.first("event_platform", "host.os.type", "OSPlatform").lower()
    for word, product in (("win", "windows"), ("lin", "linux"), ("mac", "macos")):
        if said.startswith(word):
            return product
    paths = [
        event.first("Image"),
        event.first("ParentImage"),
        event.first("CommandLine"),
        event.first("TargetFilename"),
    ]
    if event.has("TargetObject") or any(WINDOWS_PATH.search(path) for path in paths if path):
        return "windows"
    return None


def _number(text: str) -> int | None:
    try:
        return int(text, 0) if text else None
    except ValueError:
        return None
