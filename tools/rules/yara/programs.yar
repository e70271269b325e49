// Scripts and programs that give themselves away.
import "pe"

rule eicar_test_file
{
    meta:
        author = "Casemate"
        description = "The test file of EICAR, which harms nobody and shows that scanning works"
        severity = "informational"
    strings:
        $a = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE"
    condition:
        filesize < 1KB and $a
}

rule powershell_fetches_and_runs
{
    meta:
        author = "Casemate"
        description = "PowerShell that fetches a text and runs it"
        severity = "high"
        attack = "T1059.001"
    strings:
        $get1 = "DownloadString(" nocase ascii wide
        $get2 = "DownloadFile(" nocase ascii wide
        $get3 = "Invoke-WebRequest" nocase ascii wide
        $get4 = /\bi(wr|rm)\s{1,5}(-uri\s{1,5})?['"]?https?:/ nocase ascii wide
        $run1 = /\bIEX\b/ nocase ascii wide
        $run2 = "Invoke-Expression" nocase ascii wide
        $run3 = "Start-Process" nocase ascii wide
        $run4 = "FromBase64String(" nocase ascii wide
    condition:
        filesize < 5MB and any of ($get*) and any of ($run*)
}

rule powershell_encoded_command
{
    meta:
        author = "Casemate"
        description = "A call of PowerShell whose command is hidden in base64"
        severity = "medium"
        attack = "T1027.010"
    strings:
        $a = /powershell(\.exe)?['"]?\s[^\n]{0,200}\s[-\/\xe2]{1,3}e(nc?|nco|ncod|ncode|ncoded|ncodedc|ncodedco|ncodedcom|ncodedcomm|ncodedcomma|ncodedcomman|ncodedcommand)?\s{1,5}['"]?[A-Za-z0-9+\/]{24}/ nocase ascii wide
    condition:
        filesize < 5MB and $a
}

rule script_host_dropper
{
    meta:
        author = "Casemate"
        description = "Script for the Windows Script Host that fetches or writes a file and starts it"
        severity = "high"
        attack = "T1059.005"
    strings:
        $shell = "WScript.Shell" nocase ascii wide
        $shell2 = "Shell.Application" nocase ascii wide
        $get1 = "MSXML2.XMLHTTP" nocase ascii wide
        $get2 = "WinHttp.WinHttpRequest" nocase ascii wide
        $get3 = "MSXML2.ServerXMLHTTP" nocase ascii wide
        $get4 = "ADODB.Stream" nocase ascii wide
    condition:
        filesize < 5MB and not uint16(0) == 0x5A4D and any of ($shell*) and any of ($get*)
}

rule web_shell
{
    meta:
        author = "Casemate"
        description = "Page that runs what a request sends to it"
        severity = "critical"
        attack = "T1505.003"
    strings:
        $php = /(eval|assert|system|passthru|shell_exec|popen)\s{0,5}\(\s{0,5}(base64_decode\s{0,5}\(\s{0,5})?\$_(POST|GET|REQUEST|COOKIE|SERVER)\b/ nocase
        $asp = /eval\s{0,3}\(?\s{0,3}request\b/ nocase
        $jsp = /getRuntime\(\)\s{0,3}\.\s{0,3}exec\(\s{0,3}request\.getParameter/ nocase
    condition:
        filesize < 2MB and any of them
}

rule reverse_shell
{
    meta:
        author = "Casemate"
        description = "Command that hands a shell to another machine"
        severity = "critical"
        attack = "T1059.004"
    strings:
        $bash = /\b(ba|z)?sh\s{1,5}-i\s{0,5}[0-9]?[>&|]{1,3}\s{0,5}\/dev\/(tcp|udp)\// nocase
        $python = /socket\.socket\(.{1,400}(dup2|pty\.spawn|subprocess\.(call|Popen))/ nocase
        $nc = /\bnc(at)?\s[^\n]{0,80}-(e|c)\s{0,3}(\/bin\/(ba)?sh|cmd(\.exe)?|powershell)/ nocase
        $ps = /New-Object\s{1,5}(System\.)?Net\.Sockets\.TCPClient\(.{1,600}GetStream\(\)/ nocase ascii wide
    condition:
        filesize < 5MB and any of them
}

rule credential_dumper
{
    meta:
        author = "Casemate"
        description = "Words of tools that read passwords out of memory"
        severity = "critical"
        attack = "T1003.001"
    strings:
        $a = "sekurlsa::logonpasswords" nocase ascii wide
        $b = "lsadump::" nocase ascii wide
        $c = "kerberos::golden" nocase ascii wide
        $d = "gentilkiwi" nocase ascii wide
        $e = "MiniDumpWriteDump" ascii wide
        $f = "lsass.exe" nocase ascii wide
    condition:
        any of ($a, $b, $c, $d) or (pe.is_pe and $e and $f)
}

rule program_disguised_as_document
{
    meta:
        author = "Casemate"
        description = "Windows program whose name ends like a document's"
        severity = "high"
        attack = "T1036.007"
    condition:
        uint16(0) == 0x5A4D and filename matches /\.(pdf|docx?|xlsx?|pptx?|jpe?g|png|txt|html?)(\s+\.[a-z]{2,4}|\.(exe|scr|com|pif|cpl))?$/i
}
