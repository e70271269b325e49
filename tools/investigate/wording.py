"""What a mail asks of its reader: hurry, a password, a payment. English, German, French and Spanish."""

from __future__ import annotations

import re

#: Up to so many characters of the same sentence.
NEAR = r"[^.\n]{0,40}"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(pattern.replace("~", NEAR) for pattern in patterns), re.IGNORECASE)


URGENCY = _any(
    r"\burgent(?:ly)?\b",
    r"\bimmediate(?:ly)?\b",
    r"\b(?:as soon as possible|asap)\b",
    r"\bwithin (?:the next )?\d{1,2} ?(?:hours?|hrs?|days?)\b",
    r"\bfinal (?:notice|warning|reminder)\b",
    r"\baction required\b",
    r"\b(?:account|mailbox|access)\b~\b(?:suspended|terminated|closed|deactivated|locked|limited|expires?)\b",
    r"\bexpir(?:es|ing|ed) (?:today|soon|in)\b",
    r"\blast chance\b",
    r"\bbefore it(?:'|’)?s too late\b",
    r"\bdo not delay\b",
    r"\b(?:dringend|sofort|umgehend|gesperrt|letzte mahnung)\b",
    r"\b(?:urgente?|imm[ée]diatement|inmediatamente|de inmediato)\b",
)
CREDENTIALS = _any(
    r"\b(?:verify|confirm|update|validate|re-?activate|unlock|restore|upgrade)\b~"
    r"\b(?:account|identity|password|e?-?mail(?:box)?|credentials?|information|details|payment method)\b",
    r"\b(?:log|sign)[ -]?in\b~\b(?:here|below|link|verify|continue|to (?:confirm|avoid|keep))\b",
    r"\b(?:enter|provide|send|reply with)\b~\b(?:password|pin|passcode|one[- ]time code|otp|credentials?|ssn)\b",
    r"\bpassword\b~\b(?:expire[sd]?|expiring|expiration|will be reset)\b",
    r"\bkeep (?:my |your |the )?(?:same|current) password\b",
    r"\b(?:konto|zugang|passwort)\b~\b(?:bestätigen|verifizieren|aktualisieren)\b",
    r"\bbestätigen sie\b~\b(?:konto|daten|identität)\b",
    r"\b(?:vérifiez|confirmez|mettez à jour)\b~\b(?:compte|mot de passe|identité)\b",
    r"\b(?:verifique|confirme|actualice)\b~\b(?:cuenta|contraseña|identidad)\b",
)
PAYMENT = _any(
    r"\b(?:wire|bank|funds?|swift|iban|sepa)\b~\btransfer\b",
    r"\btransfer\b~(?:\b(?:funds?|usd|eur|gbp|amount|payment)\b|[$€£])",
    r"\b(?:new|updated|changed?|different)\b~\bbank(?:ing)? (?:details|account|information)\b",
    r"\bbank(?:ing)? (?:details|account)\b~\b(?:changed?|updated|new)\b",
    r"\bgift ?cards?\b",
    r"\b(?:process|make|release|arrange|settle)\b~\bpayment\b",
    r"\b(?:overdue|outstanding|unpaid|attached)\b~\binvoice\b",
    r"\binvoice\b~\b(?:overdue|outstanding|unpaid|pay)\b",
    r"\b(?:bitcoin|btc|usdt|crypto ?wallet)\b",
    r"\b(?:inheritance|next of kin|lottery|beneficiary|million (?:usd|dollars|euros?))\b",
    r"\b(?:überweisung|überweisen|neue bankverbindung)\b",
    r"\b(?:virement|coordonnées bancaires|transferencia)\b",
)


def urgent(text: str) -> bool:
    """Does it press for time or threaten a loss?"""
    return URGENCY.search(text) is not None


def asks_credentials(text: str) -> bool:
    """Does it ask to sign in, confirm or give a secret?"""
    return CREDENTIALS.search(text) is not None


def asks_payment(text: str) -> bool:
    """Does it ask for money, or to send money elsewhere than before?"""
    return PAYMENT.search(text) is not None
