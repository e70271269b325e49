"""What an alert claims, found again in its events."""

from __future__ import annotations

import pytest

from agents.playbook.echo import echo


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("MFA Factor Removed From Admin", "user.mfa.factor.deactivate_all | DeleteFactor | role: administrator"),
        ("Flow Log Deleted", "DeleteFlowLogs | ec2"),
        ("Public Snapshot Created", "CreateSnapshot | public"),
    ],
)
def test_events_that_say_it_in_other_words_echo_the_title(title: str, said: str) -> None:
    assert echo(title, said) == 1.0


def test_a_title_that_names_a_deed_is_not_echoed_when_nobody_does_it() -> None:
    assert echo("Network Firewall Rule Deleted", "network | firewall | rule | ListRules") == 0.0
    assert echo("Network Firewall Rule Deleted", "network | firewall | DeleteRule") == 1.0


def test_one_word_is_no_echo_and_product_names_say_nothing() -> None:
    assert echo("Unusual Activity In An Account", "account") == 0.0
    assert echo("GitHub Slack Okta", "github slack okta") == 0.0


def test_more_text_never_lowers_it() -> None:
    title, said = "Storage Bucket Opened To Public", "bucket | public"
    assert 0 < echo(title, said) <= echo(title, f"{said} | open | storage | approved | benign") == 1.0
