from __future__ import annotations

import pytest

from policies.masking.masker import Masker
from policies.masking.national_ids import of_presidio, proved
from policies.masking.needs import Needs
from policies.masking.originals import Originals
from policies.masking.own import OwnOriginals
from policies.masking.recognizers import (
    Networks,
    OrganizationRecognizer,
    PatternsRecognizer,
    PresidioRecognizer,
    make_registry,
    no_language,
)
from policies.masking.scan import Pattern, compiled, matches
from policies.masking.views import shape_of


def test_recognizers_work_in_presidios_own_engine_too(masker: Masker) -> None:
    recognizer = PatternsRecognizer("x", [Pattern(entity="IMEI", regex="[0-9]{15}", needs=("00000000",), name="y")])
    results = recognizer.analyze("IMEI 490154203237518", ["IMEI"], no_language())
    assert [(r.entity_type, r.start, r.end, r.score) for r in results] == [("IMEI", 5, 20, 0.9)]
    assert results[0].recognition_metadata["recognizer_name"] == "x"
    assert recognizer.analyze("IMEI 490154203237518", ["MAC"], no_language()) == []


def test_the_registry_holds_presidios_national_recognizers(masker: Masker) -> None:
    registry = make_registry(masker.organization, masker.own, ())
    recognizers = registry.get_recognizers(language="en", all_fields=True)
    presidio = [each for each in recognizers if isinstance(each, PresidioRecognizer)]
    assert len(presidio) == len(of_presidio()) > 50


def test_expressions_of_presidio_run_on_re2() -> None:
    for recognizer, patterns in of_presidio().values():
        assert patterns, recognizer.name
        for pattern in patterns:
            assert compiled(pattern.regex)
            assert pattern.needs


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (b"12345678Z", True),
        (b"12345678A", False),
        (b"X1234567L", True),
        (b"RSSMRA85T10A562S", True),
        (b"RSSMRA85T10A562T", False),
        (b"131052-308T", True),
        (b"131052-308U", False),
        (b"S1234567D", True),
        (b"S1234567A", False),
        (b"AB 12 34 56 C", True),
        (b"BG 12 34 56 C", False),
    ],
)
def test_a_number_without_a_label_needs_its_proof(text: bytes, valid: bool) -> None:
    assert bool(list(matches(proved(), b"see " + text + b" there"))) == valid


def test_networks_hold_addresses_of_both_families() -> None:
    networks = Networks(["10.0.0.0/8", "2001:db8::/32"])
    assert networks.hold("10.255.0.1")
    assert networks.hold("2001:db8::7")
    assert networks.hold("::ffff:10.0.0.1")
    assert networks.hold("2001:db8:1:2:3:4:5:6")
    for other in ("11.0.0.1", "10.0.0.256", "2001:db9::7", "07:31:16", "00:1a:2b:3c:4d:5e", "::x", "10.0.0"):
        assert not networks.hold(other)


def test_own_originals_are_looked_for_in_other_scripts_and_cases(masker: Masker) -> None:
    own = OwnOriginals(lambda _host: False)
    own.add("PERSON", "Jürgen Straße", "PERSON")
    own.add("HOST", "srv-pay-01", "HOST")
    recognizer = OrganizationRecognizer(masker.organization, own)

    def found(text: str) -> set[str]:
        shape = shape_of(text)
        present = Needs(recognizer.needs).present(shape)
        return {text[hit.start : hit.end] for hit in recognizer.find(text, shape, present)}

    assert found("JÜRGEN STRASSE on SRV-PAY-01") == {"JÜRGEN STRASSE", "SRV-PAY-01"}
    assert found("jürgen_straße") == {"jürgen_straße"}
    assert found("nobody") == set()


def test_without_originals_or_with_too_many_every_text_is_still_right(masker: Masker) -> None:
    assert not compiled(OwnOriginals(lambda _host: False).spelled()).search(b"any text")
    many = OwnOriginals(lambda _host: False)
    for number in range(2_000):
        many.add("HOST", f"srv-{number:06}-x", "HOST")
    own = OwnOriginals(lambda _host: False)
    for number in range(30_000):
        own.add("HOST", f"srv-{number:06}-x", "HOST")
    assert own.spelled() == ""
    plain = Originals()
    plain.add("HOST", "srv-pay-01", "HOST")
    for originals, text in ((many, "on srv-000123-x"), (own, "on srv-000123-x"), (plain, "on srv-pay-01")):
        recognizer = OrganizationRecognizer(masker.organization, originals)
        assert [hit.entity for hit in recognizer.find(text, text.encode(), frozenset())] == ["HOST"]
