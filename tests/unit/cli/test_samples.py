"""The demo's samples are what the demo says they are."""

from __future__ import annotations

import pytest

from cli.samples import FOLDER, load_samples
from core.errors import InvalidTicket
from core.ticket import parse_ticket


def test_every_valid_sample_fits_the_schema_and_the_malformed_one_does_not() -> None:
    for sample in load_samples():
        if sample.valid:
            parse_ticket(sample.ticket)
        else:
            with pytest.raises(InvalidTicket):
                parse_ticket(sample.ticket)


def test_there_are_enough_samples_of_every_sort() -> None:
    samples = load_samples()
    expected = [sample.expect for sample in samples]
    assert len(samples) >= 14
    assert expected.count("malicious") >= 6
    assert expected.count("benign") >= 6
    assert {"same", "refused", "not_benign"} <= set(expected)
    assert any(sample.superseded for sample in samples)
    assert any(int(str(sample.ticket.get("version", 1))) > 1 for sample in samples)


def test_a_sample_sent_again_is_an_earlier_one() -> None:
    seen: list[object] = []
    for sample in load_samples():
        assert (sample.ticket in seen) is (sample.expect == "same"), sample.name
        seen.append(sample.ticket)


def test_no_file_in_the_folder_is_forgotten() -> None:
    named = {"manifest.yaml", *(f"{sample.name}.json" for sample in load_samples())}
    manifest = (FOLDER / "manifest.yaml").read_text()
    for file in FOLDER.iterdir():
        assert file.name in named or file.name in manifest, file.name
