"""Values are found under their keys in every format a ticket can hold, and a token in their place breaks none."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masking.formats.fields import Field, fields_of, value_of

TOKEN = "PERSON_K7Q2XB"


def found(text: str) -> dict[str, str]:
    return {field.key: text[field.start : field.end] for field in fields_of(text)}


def masked(text: str) -> str:
    for field in reversed(fields_of(text)):
        token = f'"{TOKEN}"' if field.bare else TOKEN
        text = text[: field.start] + token + text[field.end :]
    return text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # JSON, in lines, quoted in itself, in a mail, as Python prints it, in HTML, in a URL, in CSV
        ('{"user": "q.zander", "src": "198.51.100.7"}', {"user": "q.zander"}),
        ('{"a":1}\n{"first_name": "Quillo"}\n', {"first_name": "Quillo"}),
        ('> Hi,\n> the event: {"suser": "qzander"} was seen', {"suser": "qzander"}),
        (json.dumps({"raw": json.dumps({"surname": "Zanderhof"})}), {"surname": "Zanderhof"}),
        (json.dumps([json.dumps({"a": json.dumps({"surname": "O'Zander"})})]), {"surname": "O'Zander"}),
        ("{'full_name': 'Quillo Zanderhof', 'n': 1}", {"full_name": "Quillo Zanderhof"}),
        ("<x d='{&quot;user_name&quot;:&quot;qzander&quot;}'>", {"user_name": "qzander"}),
        ("d=%7B%22surname%22%3A%22Zanderhof%22%7D", {"surname": "Zanderhof"}),
        ('id,event\n7,"{""surname"": ""Zanderhof""}"\n', {"surname": "Zanderhof"}),
        ('{"phones": [4915123456789], "age": 42}', {"phones": "4915123456789", "age": "42"}),
        ('{"first_names": ["Quillo"]}', {"first_names": "Quillo"}),
        ('{"name": "FULL_NAME", "value": "Quillo Zanderhof"}', {"FULL_NAME": "Quillo Zanderhof"}),
        ('{"customer": {"id": "K-4711", "x": {"name": "y"}}}', {"customer.id": "K-4711"}),
        ('{"users": [{"name": "qzander"}]}', {"user.name": "qzander"}),
        ('{"card": {"number": 4111111111111111}}', {"card.number": "4111111111111111"}),
        ('{"user": {"email": "q@bank.example"}}', {"email": "q@bank.example"}),
        ('{"name": "phone", "value": 4915123456789}', {"phone": "4915123456789"}),
        ('{"emails": ["q@bank.example", "unclosed', {"emails": "q@bank.example"}),
        # key=value, auditd, firewalls, INI, registry, YAML, labels, command output
        ("ts=1 user=qzander src=198.51.100.7", {"user": "qzander"}),
        ('level=info customer="Quillo Zanderhof" n=1', {"customer": "Quillo Zanderhof"}),
        ("customer=Quillo Zanderhof action=deny", {"customer": "Quillo Zanderhof"}),
        ('msg=\'op=login acct="qzander" exe="/usr/sbin/sshd"\'', {"acct": "qzander"}),
        ("user=qzander,group=x;login=qz2;", {"user": "qzander", "login": "qz2"}),
        ('"DefaultUserName"="qzander"', {"DefaultUserName": "qzander"}),
        ('"DefaultUserName"=qzander\n', {"DefaultUserName": "qzander"}),
        ("DefaultPassword=hunter22xyz", {"DefaultPassword": "hunter22xyz"}),
        ("user:\n  surname: Zanderhof\n", {"surname": "Zanderhof"}),
        ("Customer: Quillo Zanderhof, born 1968", {"Customer": "Quillo Zanderhof"}),
        ("Customer: *Quillo Zanderhof.*\n", {"Customer": "Quillo Zanderhof"}),
        ("user=_qzander,", {"user": "qzander"}),
        ("**Customer:** Quillo Zanderhof", {"Customer": "Quillo Zanderhof"}),
        ("Subject:\n\tAccount Name:\t\tqzander\n", {"Account Name": "qzander"}),
        ("User name                    qzander\r\n", {"User name": "qzander"}),
        # CEF, LEEF, syslog
        (
            r"CEF:0|V|P|1|2|n\|x|5|suser=qzander msg=a\=b cs1Label=Customer Name cs1=Quillo Zanderhof cs2=x",
            {"suser": "qzander", "Customer Name": "Quillo Zanderhof"},
        ),
        ("CEF:0|V|P|1|2|n|5|cs3=Quillo Zanderhof cs3Label=Full Name", {"Full Name": "Quillo Zanderhof"}),
        ("LEEF:1.0|V|P|1|e|usrName=qzander\tsrc=198.51.100.7", {"usrName": "qzander"}),
        ("LEEF:2.0|V|P|1|e|^|usrName=qzander^src=198.51.100.7", {"usrName": "qzander"}),
        ('<165>1 2026-01-02T03:04:05Z h a 1 ID [x@1 user="qzander" n="1"] BOM', {"user": "qzander"}),
        # XML and HTML
        ('<Data Name="TargetUserName">qzander</Data>', {"TargetUserName": "qzander"}),
        ("<e:SubjectUserName>qzander</e:SubjectUserName>", {"SubjectUserName": "qzander"}),
        ("<surname lang='de'><![CDATA[Zanderhof]]></surname>", {"surname": "Zanderhof"}),
        ("<user/><Event User='qzander'/>", {"User": "qzander"}),
        ('<input name="first_name" value="Quillo">', {"first_name": "Quillo"}),
        ('<input value="Quillo" name="first_name"/>', {"first_name": "Quillo"}),
        ('<textarea name="surname">Zanderhof</textarea>', {"surname": "Zanderhof"}),
        ("<tr><th>Customer</th><td><b>Quillo Zanderhof</b></td></tr>", {"Customer": "Quillo Zanderhof"}),
        ("<dt>Phone:</dt><dd>0151 23456789</dd>", {"Phone": "0151 23456789"}),
        ('<label>Surname</label> <input value="Zanderhof">', {"Surname": "Zanderhof"}),
        (
            "<table><tr><th>No</th><th>Surname</th></tr><tr><td>1</td><td>Zanderhof</td></tr></table>",
            {"Surname": "Zanderhof"},
        ),
        # Tables
        ("id,first_name,city\n1,Quillo,Jena\n", {"first_name": "Quillo", "person.city": "Jena"}),
        ('id;"Surname"\n1;"Zander;hof"\n\nSurname: Ott\n', {"Surname": "Ott"}),
        ("id\tSurname\n1\tZanderhof\n", {"Surname": "Zanderhof"}),
        ("| No | Surname |\n|---:|:---|\n| 1 | Zanderhof |\n", {"Surname": "Zanderhof"}),
        ("| Surname | Zanderhof |\n", {"Surname": "Zanderhof"}),
        # Mail headers
        ('From: "Zanderhof, Quillo" <q@evil.example>\n', {"display_name": "Zanderhof, Quillo"}),
        ("To: <a@b.example>,\n Quillo Zanderhof <q@evil.example>\n", {"display_name": "Quillo Zanderhof"}),
    ],
)
def test_values_are_found_under_their_keys(text: str, expected: dict[str, str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/login?user=qzander&next=x",
        "https://user:qzander@evil.example/",
        "user = request.user\nlogin=getlogin()",
        "if the user: is not there, user= nobody",
        '{"user": null, "login": true, "email": {}, "phone": ""}',
        '{"user": "unclosed',
        "user,email\nplease call the user, by email\n\n",
        "user=\nqzander",
        "The customer, a user; and the card | holder",
        "<user/> <user></user> <input name='user'>",
        '{"process": {"name": "Quillo Zanderhof"}}',
        "cs1Label=Customer Name cs2=Quillo Zanderhof",
        '{"ip_address": {"city": "Jena"}}',
        "",
    ],
)
def test_what_is_no_value_of_a_person_is_not_found(text: str) -> None:
    assert fields_of(text) == []


def test_a_secret_in_a_url_is_found_although_the_url_is_evidence() -> None:
    assert found("https://evil.example/x?user=qzander&password=hunter22xy") == {"password": "hunter22xy"}


def test_a_value_says_what_its_escapes_mean() -> None:
    text = r'{"surname": "Lindstr\u00f6m"}'
    [field] = fields_of(text)
    assert value_of(text, field.start, field.end) == "Lindström"


def test_a_quoted_cell_may_hold_what_separates_cells_and_lines() -> None:
    text = 'id,"note","surname"\n1,"a ""b"", c\nd",Zanderhof\n2,"x,y",Ottmann\n'
    assert [text[field.start : field.end] for field in fields_of(text)] == ["Zanderhof", "Ottmann"]


def test_an_open_quote_does_not_hide_the_rows_after_it() -> None:
    text = 'size,surname\n5" disk,Zanderhof\n7,Ottmann\n'
    assert [text[field.start : field.end] for field in fields_of(text)] == ["Zanderhof", "Ottmann"]


@pytest.mark.parametrize(
    "text",
    [
        'no, surname\n1, "Zanderhof"\n2, Ottmann\n',
        'no,surname\n"1,Zanderhof\n2,Ottmann\n',
        "| No | Surname |\n+----+---------+\n| 1  | Zanderhof |\n|----|---|\n| 2  | Ottmann |\n",
        "no,surname\r\n1,Zanderhof\r\n2,Ottmann\r\nthe end",
    ],
)
def test_rows_are_read_however_they_are_ruled_and_quoted(text: str) -> None:
    assert [text[field.start : field.end] for field in fields_of(text)] == ["Zanderhof", "Ottmann"]


def test_a_column_of_any_length_is_read() -> None:
    assert len(fields_of("no,surname\n" + "1234567890,Zanderhof\n" * 900)) == 900


def test_more_rows_than_anybody_writes_are_not_read() -> None:
    assert len(fields_of("a,surname\n" + "1,Ott\n" * 20_000)) < 10_000


def test_long_lists_and_headers_are_read_as_far_as_anybody_writes_them() -> None:
    assert len(fields_of(json.dumps({"emails": ["q@bank.example"] * 150}))) == 100
    assert len(fields_of("To: " + ", ".join(["Quillo Zanderhof <q@bank.example>"] * 600))) == 500


NAMES = st.sampled_from(
    ["Quillo Zanderhof", "José García-Łącki", 'Zoë "Zo" Zanderhof', "Ute\\Zander Ott", "O'Hara Lee"]
)
KEYS = st.sampled_from(["customer", "fullName", "x", "contact_name", "payee", "n"])
RECORDS = st.dictionaries(KEYS, NAMES | st.integers() | st.booleans() | st.none(), max_size=4)
NESTED: st.SearchStrategy[Any] = st.recursive(
    RECORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


@given(NESTED, st.integers(0, 3), st.booleans())
def test_json_stays_json_at_any_depth(value: Any, depth: int, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    for _ in range(depth):
        text = json.dumps({"raw": text}, ensure_ascii=ascii_only)
    read = json.loads(masked(text))
    for _ in range(depth):
        read = json.loads(read["raw"])
    assert shape(read) == shape(value)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(child) for key, child in value.items()}
    return [shape(child) for child in value] if isinstance(value, list) else None


@given(st.lists(st.lists(NAMES | st.text("ab ,;\n\"'", max_size=9), min_size=3, max_size=3), max_size=5))
def test_csv_keeps_its_cells(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["no", "customer", "payee"], *rows])
    read = list(csv.reader(io.StringIO(masked(out.getvalue()), newline="")))
    assert [len(row) for row in read] == [3] * (len(rows) + 1)


@given(st.dictionaries(KEYS, NAMES, max_size=4))
def test_xml_stays_well_formed(record: dict[str, str]) -> None:
    root = ET.Element("Event")
    for key, name in record.items():
        ET.SubElement(root, "Data", Name=key, payee=name).text = name
        ET.SubElement(root, key).text = name
    read = ET.fromstring(masked(ET.tostring(root, encoding="unicode")))
    assert [child.tag for child in read] == [child.tag for child in root]


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, [name for name, _ in attrs]))


@given(st.lists(st.tuples(KEYS, NAMES), max_size=4))
def test_html_keeps_its_tags(pairs: list[tuple[str, str]]) -> None:
    rows = (
        f"<tr><td>{key}</td><td><b>{name}</b></td></tr><input name=\"{key}\" value='{name.replace(chr(39), '&#39;')}'>"
        for key, name in pairs
    )
    text = f"<table>{''.join(rows)}</table>"
    assert Tags(masked(text)).seen == Tags(text).seen


@given(st.lists(st.tuples(st.sampled_from(["suser", "duser", "cs1", "msg"]), NAMES), max_size=5))
def test_cef_keeps_its_extension(pairs: list[tuple[str, str]]) -> None:
    def extension(line: str) -> list[str]:
        return re.findall(r"(?:^| )(\w+)=", line.split("|", 7)[7])

    pairs = [(key, value.replace("\\", "\\\\").replace("=", r"\=")) for key, value in pairs]
    text = "CEF:0|V|P|1|2|n|5|" + " ".join(f"{key}={value}" for key, value in pairs) + " cs1Label=Customer"
    assert extension(masked(text)) == extension(text)


MARKS = ': = " \' \\ \\" { } [ ] , ; | < > </ &quot; %22 <td> </td>'
WORDS = "user name customer email qzander CEF:0| Label= cs1 é 42 =?"
PIECES = st.sampled_from(
    [*MARKS.split(), *WORDS.split(), " ", "\t", "\n", "\r\n", "\x00", "From: ", "Quillo Zanderhof"]
)


@given(st.lists(PIECES, max_size=60).map("".join) | st.text())
def test_any_text_has_valid_fields(text: str) -> None:
    position = 0
    for field in fields_of(text):
        assert isinstance(field, Field)
        assert position <= field.start < field.end <= len(text)
        assert not field.bare or text[field.start : field.end].lstrip("-").isdigit()
        position = field.end


UNITS = '{ [ " \\ a= user= {"user": "name":{ <td>user</td> cs1Label=user |user|email|# &quot;user&quot;:'
MORE = "<!-- <style> user:_x# From:_ <user_ cs1Label=user_cs1=x_"


@pytest.mark.parametrize("unit", [*UNITS.split(), *MORE.split()])
def test_hostile_texts_of_any_size_are_read(unit: str) -> None:
    text = unit.replace("#", "\n").replace("_", " ") * (100_000 // len(unit))
    assert all(field.end <= len(text) for field in fields_of(text))
