"""Words that help to tell prose from logs: those people use about each other, and those that name nobody."""

from __future__ import annotations

_PERSONAL = """
i i'm i've i'll my me mine you your you're yours we our us we're he she his her him they their them please thanks
thank hi hello dear mr mrs ms miss dr prof sir madam regards sincerely cheers sorry hey herr frau sehr ich wir sie ihr
uns mein meine bitte danke hallo madame monsieur bonjour merci je nous vous votre mon ma senor senora gracias hola yo
usted nosotros signor signora grazie buongiorno caro cara told said asked called spoke talked lives moved born husband
wife daughter son mother father brother sister colleague boss friend named
"""

#: Words of people among themselves, in ASCII shape.
PERSONAL = frozenset(word.encode() for word in _PERSONAL.split())

_KNOWN = """
a an and are as at be been but by can could did do does doing for from get got had has have here how if in into is it
its just like made make many may might more most must no nor not now of off on one only onto or other over own same
shall should so some such than that the their then there these they this those through too under until up upon very
was were what when where which while who whom why will with would yet what's that's it's don't didn't isn't can't
accepted accessed acquired activated added agent allowed already analysis api app application applied approved
assigned assumed attached attempt attempts attempted authenticate authenticated authorize authorized aws azure
backend because bucket bytes cancelled changed changes chrome cipher closed collection command completed configured
confirm connected console container cookies core couldn't cpu created credentials csv days default defined deleted
denied deny described detected detection didn disabled disconnected domain downloaded dropped edge enabled
encountered encrypted english error errors exceeded exception execute executed exists exit expired exported external
failed failure fetch file files finished firefox firewall flow folder forbidden found gateway generated google granted
grant gecko github guest handle handler header headers html http https id identity ignored image imported inbound
include info initiated instance internal invalid invited ios issued javascript json kernel key keys known kubernetes
lambda linux list listed loaded locked logged login logon logout low mac macos macintosh managed medium message
metadata method mfa mobile modified mozilla multi namespace native nginx not null object objects oauth okta org
organization os outbound output page parameter parent parse patch path pending permission permissions ping
pod pods port private privileged proxy query queue read received redirect refresh rejected release removed
renewed replaced requested requests resource resources response restarted restored resumed retry revoked role
root rotated rule rules runtime safari saml scanned schedule scheduled schema scope sdk secret secrets session sessions
shell signed sign signon size snapshot sql ssh ssl sso started stopped string success successful successfully
suspended sync synced tag tags tcp tenant terminated threshold time timed timeout tls token tokens triggered tried
true type ubuntu udp unable unauthorized unlocked unknown updated uploaded uri url used user users using utc uuid
validated value verified version via volume vpc vpn webkit windows write xml yes zone north south east west region
activity alerts amazon assume authentication authorization cloud cloudtrail cluster compute conditional configuration
data database device devices directory endpoint engine entity event events everyone evaluation factor function
group groups health high host hub iam inline integration key link microsoft monitor multifactor network office online
operation platform policies policy primary process production profile provider public push quarantine repository
risk sandbox scan search security server service services settings setting severity shared single software source
storage subscription support suspicious system target task team test threat traffic trail trust unusual virtual
web workflow workload workspace access account accounts action actions active add admin administrator after against
all also any attach audit before between block blocked branch browser build bulk business channel check client code
component content context control count create custom customer delete deploy detail details enable encryption entry
environment export field fields filter full general global guard import input install item items job label last
latest layer level license limit local location log logs long machine main major management manager master match
member members mode model module name names new next node none notification number open option options order
owner package panel param partner password pattern payload performed period person phone plan point pool post
power prefix present previous print project properties property protection protocol publish pull reason record
records recovery reference register registered registry remote remove repo report request required reset restart
result results review rotate route run running sample save script section select send sender set share short
shutdown signature simple site space special stack stage standard start state status step stop store stream style
subject submit subnet summary switch table template terms text thread ticket title top total track transfer
transport trigger two update upload usage valid values vault view visible wait warning was watch when within without
word work worker world year
"""

#: Words that name nobody, in ASCII shape: function words and the vocabulary of logs.
KNOWN = frozenset(word.encode() for word in _KNOWN.split())
