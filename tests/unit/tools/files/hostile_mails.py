"""The hostile mails: every way to exhaust a reader of MIME that we know of."""

from __future__ import annotations

import base64

from tests.unit.tools.files import makers as make
from tests.unit.tools.files.hostile import MIB, Hostile

START = b"From: Bob <bob@vendor.example>\r\nTo: a@harbourbank.example\r\nMIME-Version: 1.0\r\n"


def mail(*headers: bytes, body: bytes = b"Hello.", kind: bytes = b"text/plain; charset=utf-8") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return START + lines + b"Content-Type: " + kind + b"\r\n\r\n" + body


def attached(name: str, content: bytes) -> bytes:
    """A mail that carries a file."""
    said = base64.b64encode(name.encode("utf-8", "replace"))
    return mail(
        b"Subject: file",
        kind=b'multipart/mixed; boundary="b"',
        body=b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/octet-stream;"
        b' name="=?utf-8?b?' + said + b'?="\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64'
        b"\r\n\r\n" + base64.encodebytes(content) + b"\r\n--b--\r\n",
    )  # fmt: skip


def _deep_parts(depth: int) -> bytes:
    body = b"Content-Type: text/plain\r\n\r\ndeep inside\r\n"
    for level in range(depth):
        mark = b"b%d" % level
        body = (
            b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\n' % (mark, mark) + body + b"--%s--\r\n" % mark
        )
    return START + body


def _deep_mails(depth: int) -> bytes:
    body = mail(b"Subject: innermost")
    for level in range(depth):
        body = START + b"Subject: %d\r\nContent-Type: message/rfc822\r\n\r\n" % level + body
    return body


def _deep_and_long() -> bytes:
    """Each level of nesting is asked about each line: six hundred times three hundred thousand questions."""
    return _deep_parts(600).replace(b"deep inside\r\n", b"x\r\n" * 300_000)


def _many_parts(count: int) -> bytes:
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    return mail(kind=b'multipart/mixed; boundary="b"', body=part * count + b"--b--\r\n")


def _many_files(count: int) -> bytes:
    inner = base64.encodebytes(make.zipped({"zeros": bytes(4 * MIB)}))
    part = (
        b"--b\r\nContent-Type: application/zip; name=a.zip\r\nContent-Disposition: attachment\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + inner + b"\r\n"
    )
    return mail(kind=b'multipart/mixed; boundary="b"', body=part * count + b"--b--\r\n")


def _continued_name() -> bytes:
    pieces = b"".join(b";\r\n name*%d*=utf-8''%%41" % i for i in range(5000))
    return mail(kind=b"application/octet-stream" + pieces)


WORD = b"=?utf-8?b?QUFBQQ==?="
MAILS = (
    Hostile(name="words.eml", make=lambda: mail(b"Subject: " + b"\r\n ".join([WORD] * 60_000))),
    Hostile(
        name="words-from.eml",
        make=lambda: b"From: " + b" ".join([WORD] * 60_000) + b" <a@b.example>\r\nSubject: x\r\n\r\nx",
    ),
    Hostile(name="half-words.eml", make=lambda: mail(b"Subject: " + b"=?utf-8?q?" * 60_000)),
    Hostile(name="parts-600.eml", make=lambda: _deep_parts(600), said="only its first 200 parts"),
    Hostile(name="parts-4000.eml", make=lambda: _deep_parts(4_000), said="too deep"),
    Hostile(name="parts-long.eml", make=_deep_and_long, said="lines were read"),
    Hostile(name="mails-600.eml", make=lambda: _deep_mails(600), said="only its first 200 parts"),
    Hostile(name="parts.eml", make=lambda: _many_parts(50_000), said="boundary number"),
    Hostile(name="lines.eml", make=lambda: mail(body=b"\r" * 4_000_000), said="lines were read"),
    Hostile(name="files.eml", make=lambda: _many_files(100), facts={"attachments": 100}),
    Hostile(name="headers.eml", make=lambda: mail(*(b"X-%d: y" % i for i in range(100_000)))),
    Hostile(
        name="received.eml", make=lambda: mail(*(b"Received: from a by b; Mon, 1 Jan 2024" for _ in range(20_000)))
    ),
    Hostile(name="results.eml", make=lambda: mail(b"Authentication-Results: mx.harbourbank.example; " + b"(" * 20_000)),
    Hostile(
        name="results-many.eml",
        make=lambda: mail(*(b"Authentication-Results: mx.harbourbank.example; spf=pass" for _ in range(20_000))),
    ),
    Hostile(
        name="recipients.eml", make=lambda: mail(b"Cc: " + b", ".join(b"a%d@b.example" % i for i in range(100_000)))
    ),
    Hostile(name="comments.eml", make=lambda: b"From: " + b"(" * 50_000 + b"a@b.example\r\nSubject: x\r\n\r\nx"),
    Hostile(name="quotes.eml", make=lambda: b"From: " + b'"\\' * 50_000 + b"a@b.example\r\nSubject: x\r\n\r\nx"),
    Hostile(name="groups.eml", make=lambda: b"From: " + b"a:" * 50_000 + b"<" * 50_000 + b"\r\nSubject: x\r\n\r\nx"),
    Hostile(name="line.eml", make=lambda: mail(b"Subject: " + b"x" * (10 * MIB))),
    Hostile(name="folds.eml", make=lambda: mail(b"Subject: x" + b"\r\n " * 200_000)),
    Hostile(name="name-pieces.eml", make=_continued_name),
    Hostile(name="type.eml", make=lambda: mail(kind=b"text/" + b";" * 200_000)),
    Hostile(name="charset.eml", make=lambda: mail(kind=b"text/plain; charset=utf-7,zip,rot13,\xff")),
    Hostile(name="zip-charset.eml", make=lambda: mail(kind=b"text/plain; charset=zlib_codec", body=b"x")),
    Hostile(name="slow-charset.eml", make=lambda: mail(kind=b"text/plain; charset=punycode", body=b"a-" + b"b" * MIB)),
    Hostile(
        name="quoted.eml", make=lambda: mail(b"Content-Transfer-Encoding: quoted-printable", body=b"=\r\n" * 500_000)
    ),
    Hostile(
        name="uuencoded.eml",
        make=lambda: mail(b"Content-Transfer-Encoding: uuencode", body=b"begin 644 a\n" + b"~" * MIB + b"\nend\n"),
    ),
    Hostile(name="base64.eml", make=lambda: mail(b"Content-Transfer-Encoding: base64", body=b"=A" * MIB)),
    Hostile(
        name="boundary.eml",
        make=lambda: mail(
            kind=b'multipart/mixed; boundary="' + b"b" * 5000 + b'"', body=(b"--" + b"b" * 4999 + b"\r\n") * 1000
        ),
    ),
    Hostile(name="no-end.eml", make=lambda: mail(kind=b'multipart/mixed; boundary="b"', body=b"--b\r\n" * 100_000)),
    Hostile(name="tags.eml", make=lambda: mail(kind=b"text/html", body=b"<" * MIB)),
    Hostile(
        name="divs.eml",
        make=lambda: mail(kind=b"text/html", body=b"<div style='display:none'>" * 40_000 + b"</p>" * 20_000),
    ),
    Hostile(
        name="links.eml", make=lambda: mail(kind=b"text/html", body=b"<a href='http://a.example/%s'>b</a>" * 30_000)
    ),
    Hostile(name="comments-html.eml", make=lambda: mail(kind=b"text/html", body=b"<!--" * 250_000)),
    Hostile(name="entities.eml", make=lambda: mail(kind=b"text/html", body=b"&#x110000;&amp" * 70_000)),
    Hostile(name="urls.eml", make=lambda: mail(body=b"http://" * 140_000)),
    Hostile(name="dots.eml", make=lambda: mail(body=b"a." * 500_000)),
    Hostile(
        name="halves.eml",
        make=lambda: mail(
            b"Subject: =?utf-16?b?2ADYAA==?=", kind=b"text/plain; charset=utf-16", body=b"\x00\xd8" * 9999
        ),
    ),
    Hostile(name="nuls.eml", make=lambda: mail(b"Subject: a\x00b\x00", body=bytes(MIB))),
    Hostile(
        name="control.eml",
        make=lambda: mail(b"Subject: " + bytes(range(1, 32)).replace(b"\n", b"").replace(b"\r", b"")),
    ),
    Hostile(
        name="blanks.eml",
        make=lambda: b"From: " + b" " * 500_000 + b"a@b.example\r\nSubject:" + b"\t" * 500_000 + b"x\r\n\r\nx",
    ),
    Hostile(name="date.eml", make=lambda: mail(b"Date: " + b"9" * 100_000)),
    Hostile(name="mbox.eml", make=lambda: b"From x\r\n" + mail(body=b">From y\n" * 100_000)),
)
