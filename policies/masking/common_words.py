"""Words that name things, roles and firms in tickets: never, by themselves, a person, an account or a host to hide."""

from __future__ import annotations

_WORDS = """
a about above abuse access account accounts action actions active activity address admin administration administrator
adobe advanced ag agent agents ago alarm alert alerts all also alternate amazon an analysis analyst and android any
anyone apache api app apple application applications apps are area as asset assistant at attachment attachments attack
attention audit auth authentication authorization auto automatic aws azure backup bad bank banking basic bcc be been
before benign best billing birth block blocked board body bot browser brute build business but by call can card care
case cc center centre change channel chat check chief chrome cisco click client clients close cloud cluster code
colleague colleagues command committee company compliance computer conditional confidential configuration connection
console contact content control corp corporate corporation council country create created credentials credit critical
customer customers daily data database date day days dear debian debit debug december default defender delete delivery
dell department deploy desk desktop detail details detection dev developer device devices dhl digital director disable
disk dns do document documents docusign domain done download drive dropbox each edge email emails employee employees
enable end endpoint engine engineer engineering enterprise entry environment error event events every everyone example
exchange executive exploit external facebook failed false fax february fedex file files finance financial firefox
firewall firm first following for force free friday friend friends from full general generic get github global gmail
gmbh good google great group groups guest has have he head health hello help helpdesk her hi high him his holdings home
host hosts hour hours how hr http https human iban id if important in inbox inc incident included info information
infrastructure insights install instance intel internal international internet invoice ip iphone is issue it item its
january java job jobs july key keys kind last lead legal lenovo level license limited line link linkedin links linux
list live llc local location log login logs low ltd machine mail mailbox mailer main malicious malware management
manager march market marketing mask masked me media medium member members message messages mfa microsoft mobile module
monday monitor month more multiple my name national net netflix network new news newsletter next no node none noreply
not note notice notification notifications november null number october of off office officer ok okta old on online
open operation operations operator or oracle order orders org organization other our out outlook outside owner package
page partner partners pass password passwords path pay payment payments paypal payroll pc people person phishing phone
platform plc please policy port portal possible postmaster power powershell premium print process product production
profile program project properties property public purchase python quarantine query queue re read ready receipt
received recipient record records recovery red regards region registry release remote remove reply report reports
request required reset response restore result retail return review risk role root rule run running sa sales sample
samsung saturday save scan schedule script search secret secure security see send sender sent september server servers
service services session setting settings setup severity share shared sharepoint she shop sign signin sir site slack
software source souvenirs spa staff standard start state status step stop storage store string studio subject submit
success suite summary sunday super supplier support suspected suspicious switch system systems table talent task tax
team teams technical technology temp terminal test testing text thank thanks that the their them there they this threat
thursday ticket tickets time title to today token tool tools top total transaction transfer treasury trojan true trust
tuesday twitter type ubuntu unit unknown unusual up update updated updates upgrade ups urgent url us usa use user
username users value vendor verdict verification verify version view virus visa visual voice vpn wallet warning was we
web website wednesday week welcome when where which who windows wire with word work worker workstation world write
yahoo year years yes you your yours zoom
"""

COMMON = frozenset(_WORDS.split())

_ORGANIZATION_WORDS = """
accounting accounts advisory agency airlines alert alerts association associates authority bank bankers banking banque
billing brokers bv capital care center centre chamber clinic club college committee communications company conference
consulting corp corporation council customer customers dept department desk digital edv express fabrik finance financial
foundation freight fund funds gesellschaft gmbh group gruppe helpdesk holding holdings hospital hosting hotel inc
industries info institute insurance international invoices invoicing kanzlei kft kg labs limited llc llp logistics ltd
mailer mailing maintenance management marketing media ministry monitoring network networks newsletter noreply notice
notification notifications office oy partners payments payroll plc postmaster press procurement pty purchasing
reception recruiting recruitment reservations sales sarl school security service services shipping shop software
solutions spa srl stiftung store studio supplies supply support systems team technologies technology telecom trading
transport travel treasury trust university verein versicherung ventures warehouse
"""

#: Words of firms and departments: a sender's name with one of them in it is nobody's.
ORGANIZATION_WORDS = frozenset(_ORGANIZATION_WORDS.split())

_PLACE_WORDS = """
airport alabama alaska america arizona asia australia austria bay beach berlin bridge california campus canada castle
church city coast county court florida france germany hall harbour hill hills hospital house india ireland island
islands italy japan kingdom lake london louisiana mexico mountain oregon palace park paris peninsula plaza poland port
region river road rome sea south spain square station street sweden texas tower town valley village virginia washington
west north east york
"""

#: Words that make a name out of a place: `Diego Garcia Island` is one, `Alice Springs Road` another.
PLACE_WORDS = frozenset(_PLACE_WORDS.split())

_SAID = """
basic bearer changed default digest disabled empty enabled expired failed false forgotten hidden incorrect invalid
masked missing negotiate never nil none null omitted passwd password policy prompt redacted removed required secret
string token true undefined unset wrong
"""
#: What is said of a password instead of one, and the words that stand before one.
NO_SECRETS = frozenset(_SAID.split())
#: Those that stand before one.
AUTH_SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "token"})
