"""The wordings by which a text tells its reader to do something. Each row: what is asked, then one pattern.

An assessment may say what should be done about the case ("isolate the host", "reset the password", "ask the owner").
It may not tell the analyst who reads it to approve, to look no closer, to trust, or to do what a lure asks for.
`~` stands for a few words of the same sentence, `{begin}` and `{order}` for the words below.
"""

# ruff: noqa: E501 - a table of patterns reads best a row a line

from __future__ import annotations

import re
from typing import Literal

#: What is asked of the reader. Lures ask for the first four, so they may be quoted and reported.
Kind = Literal["click", "call", "reveal", "run", "approve", "look away", "trust", "voice of the system"]
REPORTABLE: frozenset[Kind] = frozenset({"click", "call", "reveal", "run"})

_YOU = (
    r"you (?:must|should|can|may|need to|have to|are to|ought to|could|will (?:need|have) to)"
    r"(?: (?:now|just|simply|safely|also|please|therefore|always|then))?"
)
_ASKING = (
    r"please|kindly|(?:go ahead|feel free) (?:and|to)|(?:make|be) sure to|remember to|let'?s"
    r"|(?:i|we) (?:recommend|suggest|advise|urge|ask|want|need)(?: that)? (?:you )?(?:to )?"
)
_TO_DO = r"^to (?:fix|continue|proceed|finish|resolve|close|view|see|unlock|keep|restore)(?: \w+){0,3},"
#: What may stand before the verb of an order.
_FIRST = r"(?:(?:then|now|first|next|finally|so|also|just|simply|immediately|always)[ ,]+){0,3}"
_WORDS = {
    "~": r"[^.!?]{0,40}",
    # Where an order begins: nothing of the sentence is before it, or somebody was addressed.
    "{order}": rf"(?:(?:^|[:;!*>#\[]\s*|[-–—]\s+){_FIRST}|\b(?:{_YOU}|{_ASKING}|{_TO_DO})\s+)",
    # The same, and in the middle of a list of orders.
    "{begin}": rf"(?:(?:^|[:;!*>#\[(,]\s*|[-–—]\s+){_FIRST}|\b(?:{_YOU}|{_ASKING}|{_TO_DO}|then|always|and|so|do)"
    r"\s+)",
    "{this}": r"(?:this|that|these|the|all|both|every|each|any|it|them|following|everything|anything|whatever)",
    "{ours}": r"(?:proposals?|proposed \w+|actions?|requests?|approvals?|pending \w+|closure|exception|isolation|quarantine|block(?:ing)?|change)",
}

_ENGLISH: tuple[tuple[Kind, str], ...] = (
    ("approve", r"{begin}approve\s+{this}\b|{order}approve\b"),
    ("approve", r"{begin}(?:authori[sz]e|accept|permit|confirm|sign off on|grant|wave through|green-?light)\s+{this}\b~\b{ours}\b"),
    ("approve", r"{begin}(?:click|tap|press|hit|choose|select|push)\s+(?:on\s+)?[\"'“‘]?(?:approve|allow|accept|yes)\b"),
    ("approve", r"\b(?:recommend|suggest|advise|urge)(?:s|ed)?\s+(?:you\s+(?:to\s+)?|that you\s+|to\s+)?approv(?:e|ing|al)\b"),
    ("approve", r"\bbe (?:approved|authori[sz]ed|signed off)\s+(?:now|immediately|at once|right away|quickly|as is|automatically|without)\b"),
    ("look away", r"{begin}(?:skip|bypass|omit|waive|override|suspend|ignore|disregard)\s+{this}?~\b(?:review|approvals?|second (?:person|approval|look|opinion)|four[- ]eyes|quorum|policy check|guardrails?|double[- ]check|warnings?)\b"),
    ("look away", r"\bno\s+(?:further |additional |manual |human |second |more )*(?:review|approval|sign[- ]?off|double[- ]check|second (?:opinion|look|approval))\s+(?:is |are |will be )?(?:needed|required|necessary)\b"),
    ("look away", r"\b(?:do not|don'?t|need not|needn'?t|no need to|never|not necessary to|unnecessary to)\s+(?:need to |have to |bother to )?(?:review|double[- ]check|re-?check|verify|question|second[- ]guess|validate|read|look (?:at|into)|check)\s+(?:\w+ ){0,3}?(?:this|it|details?|evidence|findings?|assessment|verdict|proposals?|actions?|ticket|digest|arguments?|requests?|further|again|anything|them)\b"),
    ("trust", r"{begin}trust\s+(?:me|us|my|our|this (?:assessment|verdict|result|message|sender|link|file|answer|team)|the (?:team|assistant|system|assessment|verdict|ai|agents?))\b"),
    ("trust", r"\b(?:trust me|believe me|take (?:my|our) word|you can (?:safely |fully )?trust|rest assured)\b"),
    ("trust", r"\b(?:safe|fine|okay|ok|harmless|risk-free)\s+(?:for you )?to\s+(?:approve|authori[sz]e|sign off|click|open|run|execute|install|paste|enable)\b|\b(?:good|ready)\s+to\s+(?:approve|sign off)\b"),
    ("run", r"{order}(?:run|execute|launch|invoke|type|enter|paste|copy(?: and paste)?|issue)\s+(?:\w+ ){0,2}?(?:the following|this|that|these|below|attached|following)\s+(?:\w+ ){0,2}?(?:commands?|scripts?|codes?|lines?|snippets?|macros?|files?|programs?|binary|installers?|one-?liners?)\b"),
    ("run", r"{order}(?:run|execute|type|paste|enter|use)\s+(?:the )?(?:commands?|scripts?|code|snippets?|one-?liners?)\s+(?:below|above|as (?:root|admin\w*)|in (?:your|an?|the))\b"),
    ("run", r"{order}(?:run|execute|type|paste|copy|enter)\b~\b(?:into|in|from|on)\s+(?:your|an?(?: elevated| admin\w*)?)\s+(?:own )?(?:terminal|console|shell|powershell|command (?:prompt|line)|cmd|run dialog|browser|address bar|machine|computer|workstation)\b"),
    ("run", r"{order}(?:run|execute|type|paste)\s*:?\s*[`'\"]?(?:sudo |start )?(?:curl|wget|powershell|pwsh|cmd|bash|sh|python3?|certutil|mshta|rundll32|regsvr32|msiexec|iex|invoke-\w+|npm|pip|docker|chmod)\b"),
    ("run", r"{order}press\s+(?:the )?(?:win(?:dows)?|ctrl|control|cmd|command|alt)(?: key)?\s*[+-]?\s*\w\b"),
    ("run", r"{order}open\s+(?:up )?(?:an?|your|the)\s+(?:elevated )?(?:terminal|powershell|command prompt|console|run dialog|shell)\b"),
    ("run", r"{order}(?:enable|allow|activate)\s+(?:the )?(?:macros?|content|editing|remote (?:access|control))\b"),
    ("run", r"{order}(?:disable|turn off|switch off|stop|uninstall|deactivate)\s+(?:your|the|all)\s+(?:antivirus|edr|defender|firewall|endpoint protection|sandbox|masking|audit\w*|guardrails?)\b"),
    ("click", r"{order}(?:click|tap)\s+(?:on\s+)?(?:here|below|this|that|the|following|(?:https?|hxxps?):|www|\[|‹)"),
    ("click", r"{order}(?:follow|visit|open|go to|browse to|navigate to|head to)\s+(?:this|the|that|our|my)\s+(?:\w+ ){0,2}?(?:links?|urls?|web ?pages?|web ?sites?|pages?|sites?|portal|attachments?|qr(?: code)?|forms?)\b(?!~\b(?:sandbox|isolated|isolation|detonat\w*|analysis)\b)"),
    ("click", r"{order}(?:go to|visit|open|browse to|navigate to)\s+(?:(?:https?|hxxps?|ftp):|www)"),
    ("click", r"{order}scan\s+(?:this|the|that)\s+(?:\w+ )?(?:qr|bar) ?code\b"),
    ("click", r"{order}download\s+(?:and (?:run|open|install|execute)|(?:this|it|the \w+) (?:here|below|now))\b"),
    ("click", r"{order}(?:log|sign)[ -]?in\s+(?:here|below|to (?:continue|confirm|verify|keep|avoid|restore|unlock)|at (?:(?:https?|hxxps?):|www|this|the following))"),
    ("click", r"{order}(?:verify|confirm|unlock|reactivate|validate)\s+your\s+(?:\w+ )?(?:account|identity|mailbox|password|credentials?|session)\b"),
    ("call", r"{order}(?:call|phone|ring|dial|text|sms|whatsapp|message|contact|e-?mail|write to|reply to)\s+(?:(?:us|me)\b|this (?:number|address)|the (?:number|address) (?:below|above|in)|PHONE_\w+|\+?\(?\d[\d ()./-]{5,})"),
    ("reveal", r"{order}(?:reveal|disclose|send|give|tell|provide|share|show|enter|type(?: in)?|submit|reply with|post|forward|paste|confirm|supply|hand over|e-?mail|read out|unmask|restore)\s+(?:\w+ ){0,4}?(?:your|the (?:master|vault|real|unmasked|admin\w*|analyst'?s?|approver'?s?|api)|all (?:the )?(?:original|unmasked|real|secret|masked)?)\s*(?:[\w-]+ ){0,2}?(?:passwords?|pass(?:code|phrase)s?|credentials?|tokens?|secrets?|keys?|pins?|otps?|codes?|mfa|cookies?|originals?|values?)\b"),
    ("voice of the system", r"^\W{0,4}(?:casemate|policy (?:engine|decision|system)|guardrails?|approval (?:system|engine|service)|system (?:notice|message|notification|override|alert)|note to (?:the )?(?:analyst|reader|reviewer|approver)s?)\s*[\]):-]"),
    ("voice of the system", r"\b(?:dear|attention|hello|hi|hey)[ ,:]{1,2}(?:the )?(?:analyst|approver|reviewer|reader|admin\w*|soc(?: team)?|operator)s?\b"),
)  # fmt: skip

#: The same in the languages that tickets come in. Imperatives are forms of their own there, so fewer words are needed.
_OTHERS: tuple[tuple[Kind, str], ...] = (
    # German
    ("approve", r"\b(?:genehmigen|bewilligen|bestätigen|akzeptieren) sie\b~\b(?:vorschl\w+|antr[aä]g\w*|aktion\w*|maßnahme\w*|freigabe\w*|anfrage\w*|isolierung|vorgang|dies\w*|alle\w*)\b|\bgeben sie\b~\bfrei\b"),
    ("look away", r"\b(?:überspringen|umgehen|ignorieren) sie\b~\b(?:prüfung|freigabe|überprüfung|kontrolle|genehmigung|warnung|vier-augen)"),
    ("look away", r"\bkeine (?:weitere |manuelle |zusätzliche )?(?:prüfung|überprüfung|freigabe|genehmigung) (?:ist )?(?:nötig|notwendig|erforderlich)"),
    ("trust", r"\bvertrauen sie (?:mir|uns|dies\w+|dem|der|unser\w+)\b"),
    ("run", r"\b(?:führen|geben|fügen|kopieren|tippen) sie\b~\b(?:befehl|skript|kommando|terminal|powershell|konsole|eingabeaufforderung|code)\b"),
    ("click", r"\bklicken sie\b|\bklicke (?:hier|auf)\b"),
    ("call", r"\b(?:rufen|kontaktieren) sie (?:uns|mich|diese nummer|die nummer|\+?\d)"),
    ("reveal", r"\b(?:senden|geben|nennen|teilen|schicken|verraten) sie\b~\b(?:passwort|kennwort|zugangsdaten|geheimnis\w*|token|pin|schlüssel|code)\b"),
    # French
    ("approve", r"\b(?:approuvez|autorisez|validez|acceptez)\s+(?:immédiatement |maintenant )?(?:cette|ce|ces|cet|la|le|les|toutes?|tous|l['’])"),
    ("look away", r"\b(?:ignorez|contournez|sautez|passez outre)\b~\b(?:vérification|contrôle|révision|approbation|validation|avertissement)"),
    ("look away", r"\baucune (?:vérification|approbation|validation|révision)\b[^.]{0,25}\b(?:nécessaire|requise)"),
    ("trust", r"\bfaites(?:[- ](?:moi|nous))? confiance\b"),
    ("run", r"\b(?:exécutez|lancez|collez|tapez|copiez)\b~\b(?:commande|script|terminal|powershell|console|code|invite)\b"),
    ("click", r"\bcliquez\b"),
    ("call", r"\b(?:appelez|contactez)(?:[- ](?:nous|moi)\b|\s+(?:ce numéro|le numéro|au?\s+\+?\d|\+?\d))"),
    ("reveal", r"\b(?:révélez|envoyez|donnez|communiquez|fournissez|saisissez|partagez)\b~\b(?:mots? de passe|identifiants?|secrets?|jetons?|clés?|codes?)\b"),
    # Spanish
    ("approve", r"\b(?:apruebe|apruebas?|autorice|acepte)\s+(?:inmediatamente |ahora )?(?:est[aeo]s?|las?|los|el|tod[ao]s?)\b"),
    ("look away", r"\b(?:omita|salte|eluda|ignore)\s+(?:la|el|los|las|toda|cualquier)\b~\b(?:revisión|verificación|aprobación|control|comprobación|advertencia)"),
    ("look away", r"\bno (?:es necesaria|se requiere|hace falta) (?:ninguna |la |otra )?(?:revisión|verificación|aprobación)"),
    ("trust", r"\bconf[ií]e en (?:mí|nosotros|est[ea]|el|la)\b"),
    ("run", r"\b(?:ejecute|pegue|copie|escriba)\s+(?:el|la|este|esta|lo)\b~\b(?:comando|script|terminal|powershell|consola|código|siguiente)\b"),
    ("click", r"\bhaga clic\b|\bpulse (?:aquí|en|el|este)\b"),
    ("call", r"\b(?:llámenos|llámeme|contáctenos)\b|\bllame (?:al?|a este)\s+(?:número|\+?\d)"),
    ("reveal", r"\b(?:revele|env[ií]e(?:nos|me)?|facilite|proporcione|introduzca|comparta)\b~\b(?:contraseñas?|credenciales|secretos?|tokens?|claves?|códigos?)\b"),
    # Italian, Portuguese, Dutch
    ("approve", r"\b(?:approvi|approvate|autorizzi|autorizzate)\s+(?:quest\w+|l[ae]|il|i|tutt\w+)\b|\b(?:aprove|autorize)\s+(?:est[ae]s?|[oa]s?|tod[oa]s?)\b|\bkeur\b~\bgoed\b"),
    ("trust", r"\b(?:si fidi|fidatevi)\b|\bconfie em\b|\bvertrouw (?:mij|ons|dit|deze)\b"),
    ("run", r"\b(?:esegua|eseguite|incolli|incollate)\b~\b(?:comando|terminale|script|codice)\b|\b(?:cole|execute o|execute est[ae])\b~\b(?:comando|terminal|código)\b|\bplak\b~\b(?:terminal|opdracht\w*)\b"),
    ("click", r"\b(?:clicchi|cliccate|clicca)\s+(?:qui|su|sul)\b|\bclique\s+(?:aqui|em|no|na)\b|\bklik\s+(?:hier|op)\b"),
    # Russian, Chinese
    ("approve", r"\b(?:одобрите|подтвердите|утвердите)\b|请?(?:批准|核准)(?:此|该|这|所有)"),
    ("look away", r"\bпропустите проверку\b|(?:无需|不需要)(?:进一步)?(?:审核|审查|批准)"),
    ("click", r"\b(?:нажмите|перейдите по)\b|请?点击(?:此|这|以下|链接)"),
    ("run", r"\bвыполните (?:команду|следующ\w+)|请?(?:运行|执行)(?:以下|此|这)"),
)  # fmt: skip

#: Who says or asks what follows: then it is a report, not an order.
REPORTED = re.compile(
    r"\b(?:mails?|messages?|e-?mails?|pages?|sites?|texts?|tickets?|lures?|attackers?|senders?|callers?|forms?|notes?|pop-?ups?"
    r"|documents?|files?|attachments?|buttons?|links?|subject|body|banners?|windows?|it|they|he|she|victims?|users?|recipients?|staff|employees?)\b[^.!?]{0,60}?\b(?:says?|said"
    r"|tells?|told|asks?|asked|instruct(?:s|ed)?|urge[sd]?|prompt(?:s|ed)?|wants?|reads?|claim(?:s|ed)?|lure[sd]?|trick(?:s|ed)?"
    r"|invite[sd]?|demand(?:s|ed)?|shows?|showed)\b",
    re.IGNORECASE,
)


def _compiled(pattern: str) -> re.Pattern[str]:
    for word, meaning in _WORDS.items():
        pattern = pattern.replace(word, meaning)
    return re.compile(pattern, re.IGNORECASE)


PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, _compiled(pattern)) for kind, pattern in (*_ENGLISH, *_OTHERS)
)
