"""What a suite makes of its data set."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from core.ticket import parse_ticket
from evals import mails, panther, stratus
from evals.command import SUITES, chosen, main
from evals.example import DataAbsent

pytestmark = pytest.mark.usefixtures("data")


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_every_example_is_a_ticket_that_intake_takes(suite: str) -> None:
    examples = SUITES[suite]()
    assert len({parse_ticket(example.ticket).external_id for example in examples}) == len(examples)


def test_a_mail_is_grouped_by_its_folder_and_files_about_the_set_are_no_mails() -> None:
    groups = {example.name: (example.group, example.attack) for example in mails.examples()}
    assert groups == {
        "spamassassin-mails/nice/001": ("nice", False),
        "spamassassin-mails/spam/dmarc/a.eml": ("spam", None),
        "mail-parser-mails/mail_1": ("root files", None),
    }


def test_an_event_becomes_the_alert_of_a_siem_without_its_label() -> None:
    fires, quiet = panther.examples()
    assert (fires.attack, quiet.attack) == (True, False)
    assert fires.ticket["title"] == quiet.ticket["title"] == "Flow Log Deleted"
    assert fires.ticket["fields"]["eventName"] == "DeleteFlowLogs"
    assert "kind" not in fires.ticket
    assert "fires" not in str(fires.ticket)


def test_all_events_of_a_rule_are_in_one_half_and_the_halves_make_the_whole() -> None:
    halves = [{example.name for example in panther.examples(half)} for half in get_args(panther.Half)]
    assert sorted(map(len, halves)) == [0, 2]
    assert {panther.half_of(f"rule {number}") for number in range(50)} == {"tune", "held"}


def test_a_detonation_is_labelled_by_its_file_and_its_ticket_does_not_say_which() -> None:
    [example] = stratus.examples()
    assert (example.techniques, example.tactic) == (frozenset({"T1562.008"}), "defense-evasion")
    assert "evasion" not in f"{example.ticket['title']} {example.ticket['body']}"


def test_the_same_seed_chooses_the_same_sample() -> None:
    examples = mails.examples()
    assert chosen(examples, limit=2, seed=7) == chosen(examples, limit=2, seed=7)
    assert len(chosen(examples, limit=2, seed=7)) == 2
    assert chosen(examples, limit=99, seed=7) == examples


def test_absent_data_is_skipped_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CASEMATE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataAbsent):
        mails.examples()
    assert main(["run", "--suite", "panther"]) == 3
    assert "set CASEMATE_DATA to the folder that holds it" in capsys.readouterr().err
