// Documents that do something when they are opened.

rule office_macro_runs_by_itself
{
    meta:
        author = "Casemate"
        description = "Office macro that starts by itself and runs or fetches a program"
        severity = "high"
        attack = "T1204.002"
    strings:
        $auto1 = "AutoOpen" nocase ascii wide
        $auto2 = "Document_Open" nocase ascii wide
        $auto3 = "Workbook_Open" nocase ascii wide
        $auto4 = "Auto_Open" nocase ascii wide
        $run1 = "WScript.Shell" nocase ascii wide
        $run2 = "ShellExecute" nocase ascii wide
        $run3 = "URLDownloadToFile" nocase ascii wide
        $run4 = "MSXML2.XMLHTTP" nocase ascii wide
        $run5 = "winmgmts:" nocase ascii wide
        $run6 = "CreateObject(" nocase ascii wide
        $ole = { D0 CF 11 E0 A1 B1 1A E1 }
        $vba = "Attribute VB_Name" ascii wide
    condition:
        ($ole at 0 or $vba) and any of ($auto*) and any of ($run*)
}

rule office_remote_template
{
    meta:
        author = "Casemate"
        description = "Office part that loads its template or frame from another machine"
        severity = "high"
        attack = "T1221"
    strings:
        $kind1 = "/relationships/attachedTemplate\"" nocase
        $kind2 = "/relationships/frame\"" nocase
        $kind3 = "/relationships/oleObject\"" nocase
        $far = /Target\s{0,5}=\s{0,5}"(https?|ftp|file|\\\\)[^"]{4,300}"/ nocase
        $mode = "TargetMode=\"External\"" nocase
    condition:
        $mode and $far and any of ($kind*)
}

rule rtf_equation_editor
{
    meta:
        author = "Casemate"
        description = "RTF with an object of the Equation Editor, which only exploits still use (CVE-2017-11882)"
        severity = "critical"
        attack = "T1203"
    strings:
        $rtf = "{\\rt"
        $class = "Equation.3" nocase
        // The class id 0002CE02-0000-0000-C000-000000000046 and the class name, as hexadecimal text.
        $clsid = "02ce020000000000c000000000000046" nocase
        $hex = "4571756174696f6e2e33" nocase
        $object = "\\objdata" nocase
    condition:
        $rtf at 0 and $object and any of ($class, $clsid, $hex)
}

rule pdf_runs_something
{
    meta:
        author = "Casemate"
        description = "PDF that starts a program or runs a script when it is opened"
        severity = "medium"
        attack = "T1204.002"
    strings:
        $pdf = "%PDF-"
        $open = /\/(OpenAction|AA)[\s\/<\[]/
        $launch = /\/S\s{0,3}\/Launch[\s\/>]/
        $script = /\/S\s{0,3}\/JavaScript[\s\/>]/
    condition:
        $pdf in (0..1024) and ($launch or ($open and $script))
}

rule onenote_carries_a_script
{
    meta:
        author = "Casemate"
        description = "OneNote section with an embedded script, shortcut or program"
        severity = "high"
        attack = "T1204.002"
    strings:
        $one = { E4 52 5C 7B 8C D8 A7 4D AE B1 53 78 D0 29 96 D3 }
        $file = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
        $s1 = "WScript.Shell" nocase
        $s2 = "powershell" nocase ascii wide
        $s3 = "<script" nocase
        $s4 = "cmd /c" nocase ascii wide
        $s5 = "This program cannot be run in DOS mode"
    condition:
        $one at 0 and $file and any of ($s*)
}
