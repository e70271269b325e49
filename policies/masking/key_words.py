"""Names of fields that say what their value is: words of a key, `_` between them, the last ones count."""

from __future__ import annotations

from typing import Literal

#: What a key promises. Most kinds are entities; the others differ in how strictly the value is looked at.
Kind = Literal[
    "NAME",  # a full name
    "SINGLE",  # a first or a last name
    "PARTY",  # somebody, written as a name, an account or a mailbox
    "USERNAME",
    "ACTOR",  # an account only where it is written like a person's: `anna.lindqvist`
    "EMAIL",
    "PHONE",
    "STREET",
    "POSTCODE",
    "LOCATION",
    "ORGANIZATION",
    "NRP",
    "AGE",
    "BIRTH",
    "NATIONAL_ID",
    "IBAN",
    "BANK_ACCOUNT",
    "CARD",
    "MAC",
    "IMEI",
    "LICENCE_PLATE",
    "EMPLOYEE_ID",
    "CUSTOMER_ID",
    "SECRET",
    "CODE",  # a few digits that open something
    "RANDOM",  # a secret only where it looks random
]

_WORDS: dict[Kind, str] = {
    "NAME": """
        display_name full_name real_name legal_name customer_name client_name employee_name card_holder_name
        contact_name account_holder_name owner_name holder_name patient_name payee_name beneficiary_name person_name
        sender_name recipient_name author_name requester_name reporter_name assignee_name caller_name manager_name
        subscriber_name passenger_name insured_name debtor_name creditor_name applicant_name signer_name student_name
        teacher_name doctor_name policy_holder_name name_on_card name_on_account emergency_contact_name tenant_contact
        buyer_name seller_name visitor_name candidate_name spouse_name parent_name guardian_name name_full
        nom_complet nombre_completo nome_completo volledige_naam vollstandiger_name kundenname cn gecos
    """,
    "SINGLE": """
        first_name last_name given_name family_name middle_name maiden_name sur_name fore_name vorname nachname
        familienname prenom nom_de_famille apellido apellidos cognome voornaam achternaam sn fname lname name_first
        name_last name_given name_family name_middle imie nazwisko fornavn etternavn fornamn efternamn
    """,
    "PARTY": """
        customer contact card_holder account_holder policy_holder beneficiary payee patient employee passenger insured
        kunde kundin kontoinhaber kontoinhaberin ansprechpartner ansprechpartnerin karteninhaber mitarbeiter
        caller requester requestor requested_by reporter reported_by assignee assigned_to approver approved_by
        opened_by submitted_by supervisor line_manager next_of_kin emergency_contact on_behalf_of affected_user
        affected_person nombre nome client_contact titular titulaire intestatario beneficiaire
    """,
    "USERNAME": """
        user user_name usr_name login login_name logon_name log_on_name logon_user login_user login_id logon_id_name
        account_name sam_account_name suser duser target_user_name subject_user_name uname usr acct src_user dst_user
        source_user destination_user remote_user local_user run_as_user db_user os_user ssh_user ftp_user smtp_user
        principal benutzer benutzername anmeldename utilisateur nom_utilisateur usuario utente nome_utente gebruiker
        gebruikersnaam identifiant default_user_name
    """,
    "ACTOR": """
        actor owner account user_id uid created_by modified_by updated_by deleted_by changed_by executed_by author
        committer principal_id initiator initiated_by run_as
    """,
    "EMAIL": """
        mail email e_mail email_address mail_address e_mail_address upn user_principal_name principal_name smtp_address
        primary_email alternate_email recovery_email correo courriel posta_elettronica
    """,
    "PHONE": """
        phone telephone telefon telefono mobile mobile_phone cell cell_phone fax tel msisdn callback call_back handy
        rufnummer telefonnummer mobilnummer home_phone work_phone portable
    """,
    "STREET": """
        street street_address street_name street_line address_line home_address postal_address billing_address
        shipping_address mailing_address delivery_address residential_address private_address customer_address
        contact_address home_street employee_address patient_address strasse anschrift lieferadresse
        rechnungsadresse wohnadresse privatadresse adresse direccion domicilio indirizzo
    """,
    "LOCATION": """
        birth_place place_of_birth city_of_birth country_of_birth home_town geburtsort wohnort country_of_residence
        place_of_residence city_of_residence lieu_de_naissance luogo_di_nascita lugar_de_nacimiento geboorteplaats
    """,
    "ORGANIZATION": """
        employer employer_name arbeitgeber werkgever employeur empleador datore_di_lavoro
    """,
    "NRP": """
        nationality citizenship religion religious_affiliation ethnicity ethnic_group ethnic_origin political_party
        political_affiliation party_affiliation staatsangehorigkeit nationalitat konfession religionszugehorigkeit
        nationalite nacionalidad nazionalita
    """,
    "AGE": "age customer_age patient_age person_age employee_age user_age client_age age_years age_in_years alter",
    "BIRTH": """
        date_of_birth birth_date birth_day dob geburtsdatum geburtstag birth_dt date_de_naissance fecha_de_nacimiento
        data_di_nascita geboortedatum
    """,
    "NATIONAL_ID": """
        ssn social_security_number social_security social_security_no tax_id tax_number tax_id_number
        taxpayer_id tin_number passport passport_number passport_no passport_id driver_license drivers_license
        driver_licence drivers_licence driving_licence driving_license driver_license_number drivers_license_number
        driving_licence_number national_id national_id_number national_insurance_number nino identity_card
        identity_card_number id_card_number identity_number personnummer pesel bsn cpf dni nif nie curp aadhaar
        aadhar steuer_id steuernummer steueridentifikationsnummer ausweisnummer personalausweisnummer
        reisepassnummer fuhrerscheinnummer sozialversicherungsnummer codice_fiscale nhs_number medicare_number
        social_insurance_number health_insurance_number
    """,
    "IBAN": "iban iban_number account_iban",
    "BANK_ACCOUNT": """
        bank_account bank_account_number bank_account_no account_number account_no acct_no acct_number acct_num
        kontonummer kontonr routing_number sort_code numero_de_compte numero_de_cuenta conto_corrente bank_routing
    """,
    "CARD": """
        card_number card_no card_num credit_card credit_card_number credit_card_no debit_card debit_card_number
        cc_number cc_num ccn payment_card pan primary_account_number kreditkarte kreditkartennummer kartennummer
        numero_de_carte numero_de_tarjeta
    """,
    "MAC": "mac mac_address mac_addr src_mac dst_mac smac dmac source_mac destination_mac wifi_mac hw_address hwaddr",
    "IMEI": "imei imei_number device_imei imei_meid",
    "LICENCE_PLATE": """
        license_plate licence_plate license_plate_number licence_plate_number plate_number number_plate plate
        kennzeichen kfz_kennzeichen vehicle_registration vehicle_registration_number matricula targa
    """,
    "EMPLOYEE_ID": """
        employee_id employee_number employee_no emp_id emp_no emp_number staff_id staff_no staff_number
        personnel_number personnel_no personnel_id personalnummer mitarbeiternummer badge_number badge_id badge_no
        worker_id payroll_number matricule
    """,
    "CUSTOMER_ID": """
        customer_id customer_number customer_no customer_num cust_id cust_no client_number client_no member_number
        membership_number membership_id loyalty_number kundennummer kunden_nr kundennr kunden_id patient_id
        patient_number medical_record_number mrn subscriber_number policy_number insurance_number numero_cliente
    """,
    "SECRET": """
        password passwd passphrase passwort passcode pwd pass pass_word db_pass user_pass smtp_pass mot_de_passe
        contrasena wachtwoord kennwort secret_access_key access_key_secret secret_key client_secret app_secret
        api_key apikey api_secret access_token refresh_token session_token auth_token id_token bearer_token api_token
        private_key authorization proxy_authorization cookie set_cookie session_cookie session_key session_secret
        jwt_secret csrf csrf_token csrf_middleware_token xsrf_token csrftoken encryption_key signing_key signing_secret
        webhook_secret totp_secret otp_secret mfa_secret shared_secret consumer_secret storage_key account_key
        shared_access_key connection_string conn_str conn_string sas_token shared_access_signature sas_url
        jsessionid phpsessid asp_session_id master_key recovery_key unlock_code puk security_answer secret_answer
        aws_secret device_token push_token
    """,
    "CODE": """
        pin pin_code pin_number card_pin otp one_time_password one_time_code one_time_passcode totp mfa_code
        two_factor_code verification_code auth_code sms_code cvv cvv2 cvc cvc2 csc card_verification_value
        card_security_code security_code tan
    """,
    "RANDOM": "secret token session access_key encryption_secret x_api_key x_auth_token bearer credentials",
}
_PERSONAL = (
    "home billing shipping residence residential birth customer client private postal mailing delivery address contact "
    "employee patient person street"
)
_PLACES = "city town state province region county country ort stadt ville ciudad citta municipality suburb"
_FIRMS = (
    "company company_name organization organisation business business_name firma firmenname societe empresa azienda"
)
_POSTCODES = "zip zip_code postal_code post_code postcode plz postleitzahl code_postal codigo_postal cap"


def _tails() -> dict[str, Kind]:
    """Every word, written together, with its kind."""
    tails: dict[str, Kind] = {}
    for kind, words in _WORDS.items():
        tails.update((word.replace("_", ""), kind) for word in words.split())
    for owner in _PERSONAL.split():
        tails.update((f"{owner}{place.replace('_', '')}", "LOCATION") for place in _PLACES.split())
        tails.update((f"{owner}{firm.replace('_', '')}", "ORGANIZATION") for firm in _FIRMS.split())
        tails.update((f"{owner}{code.replace('_', '')}", "POSTCODE") for code in _POSTCODES.split())
    # `address_line_1`, `phone_number`, `mobile_no`
    phones = [word for word, kind in tails.items() if kind == "PHONE"]
    tails.update((f"{word}{end}", "PHONE") for word in phones for end in ("number", "no", "nr", "num"))
    return tails


#: The end of a key, its words written together → what the key promises.
TAILS = _tails()
#: Words a tail is at most made of.
MAX_WORDS = 4
#: A town, a postal code and a firm are somebody's where the record is about a person; in a log they are evidence.
RECORD_WORDS = frozenset(word.replace("_", "") for word in f"{_PLACES} {_POSTCODES} {_FIRMS} address".split())
#: Kinds that show that a record is about a person.
ABOUT_A_PERSON = frozenset(("SINGLE", "STREET", "BIRTH"))


def spellings() -> list[str]:
    """Every tail with `_` where a key may separate words, for one scan that finds keys in a text."""
    found = [word for words in _WORDS.values() for word in words.split()]
    for owner in _PERSONAL.split():
        found += [f"{owner}_{place}" for place in f"{_PLACES} {_POSTCODES} {_FIRMS}".split()]
    return sorted(set(found), key=lambda word: (-len(word), word))


_MACHINES: dict[Kind, str] = {
    "NAME": "vendor product app application group role policy image",
    "SINGLE": "vendor product app application group role policy image",
    "PARTY": "vendor product app application group role policy image",
    "USERNAME": "service storage cloud aws aw azure oidc sso saml method bank billing issuer",
    "BANK_ACCOUNT": "aws aw cloud azure gcp tenant",
    "CUSTOMER_ID": "aws cloud azure gcp tenant id google workspace",
    "LOCATION": "ip geo",
    "POSTCODE": "ip geo",
    "ORGANIZATION": "ip geo",
    "RANDOM": "client next continuation page hash hashed idempotency tracking sync upload traffic",
}
#: Words before a tail that take it away from people.
MACHINES = {kind: frozenset(words.split()) for kind, words in _MACHINES.items()}

_NO_ACCOUNTS = """
system root admin administrator guest nobody daemon bin sys sync www-data apache nginx mysql postgres sshd ntp
systemd localsystem localservice networkservice local_service network_service anonymous anonymous_logon unknown
none null nil na undefined default user users username test ubuntu ec2-user centos debian kali pi git backup
operator service application app bot client server worker me self true false oracle sa dbo krbtgt defaultaccount
wdagutilityaccount dwm-1 umfd-0 federated assumedrole iamuser awsservice awsaccount login logon logout signin
success failure allowed denied failed yes no internal external interactive scheduler cron batch invalid anyone
everyone authenticated password public private member owner individual organization enterprise team group
"""
#: Accounts that every system has, and words that stand where no account is known.
NO_ACCOUNTS = frozenset(_NO_ACCOUNTS.split())

_NOT_PERSONAL = """
role group groups team policy bot agent integration workspace cluster prod production staging aws azure gcp
kubernetes k8s storage storageaccount lambda terraform github jenkins
"""
#: Words in names of accounts that nobody signs in with by hand.
NOT_PERSONAL = frozenset(_NOT_PERSONAL.split())

_TOP_LEVELS = """
com net org io info biz gov edu mil int xyz top online site dev app cloud local internal lan corp example test
invalid home intranet exe dll sys php html json txt bat ps1 service timer socket store shop club live tech
"""
#: Ends of the names of hosts and files, which an account such as `anna.lindqvist` does not have.
TOP_LEVELS = frozenset(_TOP_LEVELS.split())

_JOINING = "de da di del della dos das du la le van von der den ten ter zu zum zur al el bin bint y e"
#: Words inside a name that are written small.
JOINING = frozenset(_JOINING.split())
