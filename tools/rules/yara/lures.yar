// What arrives by mail to steal a password or to bring a file past the filter.

rule html_smuggling
{
    meta:
        author = "Casemate"
        description = "HTML page that builds a file in the browser and saves it"
        severity = "high"
        attack = "T1027.006"
    strings:
        $html = /<(html|script|body|svg)[\s>]/ nocase
        $decode1 = "atob(" nocase
        $decode2 = "Uint8Array" nocase
        $decode3 = "fromCharCode" nocase
        $blob1 = "new Blob(" nocase
        $blob2 = "createObjectURL" nocase
        $blob3 = "msSaveOrOpenBlob" nocase
        $save1 = /\.download\s{0,3}=/ nocase
        $save2 = "msSaveOrOpenBlob" nocase
        $save3 = "msSaveBlob" nocase
        $save4 = /setAttribute\(\s{0,3}['"]download['"]/ nocase
        $long = /['"`][A-Za-z0-9+\/=]{512}/
    condition:
        $html and any of ($decode*) and any of ($blob*) and (any of ($save*) or $long)
}

rule html_password_form_posts_elsewhere
{
    meta:
        author = "Casemate"
        description = "HTML file with a password field whose form is sent to another site"
        severity = "high"
        attack = "T1566.001"
    strings:
        $field = /<input[^>]{0,300}type\s{0,3}=\s{0,3}['"]?password/ nocase
        $post = /<form[^>]{0,300}action\s{0,3}=\s{0,3}['"]?https?:\/\// nocase
        $fetch = /(fetch|\$\.(post|ajax)|XMLHttpRequest)\b/ nocase
        $bot = "api.telegram.org/bot" nocase
    condition:
        filesize < 3MB and $field and ($post or $bot or ($fetch and filename matches /\.(s?html?|svg)$/i))
}

rule svg_with_script
{
    meta:
        author = "Casemate"
        description = "SVG picture that carries a script"
        severity = "medium"
        attack = "T1027.017"
    strings:
        $svg = "<svg" nocase
        $script = "<script" nocase
        $handler = /\bon(load|error|click)\s{0,3}=\s{0,3}['"]/ nocase
        $foreign = "<foreignObject" nocase
        $data = "atob(" nocase
        $go = /(window|document|top|self)\.location/ nocase
    condition:
        $svg in (0..4096) and ($script or $handler or $foreign) and ($script or $data or $go)
}

rule shortcut_runs_a_shell
{
    meta:
        author = "Casemate"
        description = "Windows shortcut that starts a shell, a script host or another living-off-the-land program"
        severity = "high"
        attack = "T1204.002"
    strings:
        $lnk = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $p1 = "powershell" nocase ascii wide
        $p2 = "mshta" nocase ascii wide
        $p3 = "wscript" nocase ascii wide
        $p4 = "cscript" nocase ascii wide
        $p5 = "rundll32" nocase ascii wide
        $p6 = "regsvr32" nocase ascii wide
        $p7 = "cmd.exe" nocase ascii wide
        $p8 = "msiexec" nocase ascii wide
        $p9 = "curl" nocase ascii wide
    condition:
        $lnk at 0 and any of ($p*)
}
