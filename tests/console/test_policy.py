"""The policy workbench without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bundles import put_live, write_bundle
from tests.console.site import Site
from tests.console.workbench import answer, asked, check, form, problems, reviewed, texts, third_admin

#: Mail is taken away unasked at a weaker verdict: looser, and within the invariants.
CHANGED = ("0.85", "0.82")
#: The same questions, open for half the time.
FASTER = "    then: {approvals: 1, from: [analyst, approver, soc-lead], expires: 2h}\n"


@pytest.mark.parametrize("path", ["/policy", "/policy/rules", "/policy/decisions", "/policy/edit", "/policy/rollback"])
def test_an_admin_sees_every_page_and_an_analyst_none(site: Site, path: str) -> None:
    with site.client("ada") as ada, site.client("ana") as ana:
        assert ada.get(path).status_code == 200
        assert ana.get(path).status_code == 403


def test_a_bundle_that_loads_is_said_to_load_with_its_counts(site: Site) -> None:
    with site.client("ada") as ada:
        page = check(ada, texts()).text
    assert ">loads<" in page
    assert problems(page) == []


def test_each_problem_stands_at_its_line_and_column(site: Site) -> None:
    files = texts()
    line = files["actions.yaml"].split("\n").index("  - id: look") + 1
    files["actions.yaml"] = files["actions.yaml"].replace("  - id: look\n    tools:", "  - id: look\n    tool:", 1)
    with site.client("ada") as ada:
        page = check(ada, files).text
    assert ("actions.yaml", line + 1, 5) in problems(page)
    assert "did you mean `tools`?" in page


def test_a_failing_example_is_a_problem_of_its_line(site: Site) -> None:
    files = texts(actions=("expect: deny", "expect: allow"))
    with site.client("ada") as ada:
        page = check(ada, files).text
    first = texts()["actions.yaml"].split("\n")
    assert all("- " in first[line - 1] for file, line, _ in problems(page) if file == "actions.yaml")
    assert "expects allow, but the policy answers deny" in page


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (BOMB, 1, "anchors are not allowed"),
        ("rules: []\nrules: []\n", 2, "appears twice"),
        ("rules:\n\t- id: x\n", 2, "indent with spaces"),
        ("rules: !!python/object/apply:os.system [id]\n", 1, "tags are not allowed"),
        ("[" * 5_000, 1, "is nested deeper than"),
        ("rules:\n  - id: x\n    reason: \u202eevil\n", 3, "an invisible character (U+202E)"),
        ("x" * 5_000_000, 1, "is larger than 2097152 bytes"),
        ("rules: [\x00]\n", 1, "NUL"),
        ("", 1, "is empty"),
    ],
    ids=["bomb", "twice", "tab", "tag", "deep", "bidi", "5 MB", "nul", "empty"],
)
def test_hostile_yaml_is_one_clear_sentence_at_its_line(site: Site, text: str, line: int, sentence: str) -> None:
    with site.client("ada") as ada:
        answered = check(ada, {**texts(), "actions.yaml": text}, whole="1")
    assert answered.status_code == 200
    assert ("actions.yaml", line) in [(file, at) for file, at, _ in problems(answered.text)]
    assert sentence in answered.text


@pytest.mark.parametrize("name", ["../../etc/passwd.yaml", "actions.txt", "<b>.yaml", "a" * 100 + ".yaml", ""])
def test_a_file_with_another_name_is_refused_and_stays_text(site: Site, name: str) -> None:
    with site.client("ada") as ada:
        page = check(ada, {**texts(), name: "a: b\n"}).text
    assert "rename it" in page
    assert "<b>" not in page


def test_blanks_that_look_like_spaces_are_named_with_their_line(site: Site) -> None:
    files = texts(actions=("reason: Looking changes nothing.", "reason: Looking\u00a0changes nothing."))
    line = next(n for n, text in enumerate(files["actions.yaml"].split("\n"), 1) if "\u00a0" in text)
    with site.client("ada") as ada:
        page = check(ada, files).text
    assert f'data-go="actions.yaml" data-line="{line}" data-column="1" data-kind="warning"' in page
    assert "⟨U+00A0⟩" in page
    assert ">loads<" in page


def test_a_large_bundle_is_checked_by_file_while_somebody_types_and_whole_by_the_button(site: Site) -> None:
    padded = {**texts(), "masking.yaml": texts()["masking.yaml"] + "# a long comment\n" * 10_000}
    broken = texts(actions=("then: allow", "then: alow"))["actions.yaml"]
    with site.client("ada") as ada:
        assert "too much to check while you type" in check(ada, padded).text
        one = check(ada, {"actions.yaml": broken}, only="actions.yaml").text
        assert "in actions.yaml" in one
        assert "did you mean allow?" in one
        assert ">loads<" in check(ada, padded, whole="1").text


def test_the_editor_works_without_scripts(site: Site) -> None:
    files = texts(actions=("then: allow", "then: alow"))
    with site.client("ada") as ada:
        page = ada.post("/policy/edit", data=form(files, do="check", start="0" * 64)).text
        assert "alow" in page
        assert {file for file, _, _ in problems(page)} == {"actions.yaml"}
        added = ada.post("/policy/edit", data=form(files, do="add", add="more_test.yaml")).text
        assert 'name="file:more_test.yaml"' in added
        dropped = ada.post("/policy/edit", data=form(files, drop="actions_test.yaml")).text
        assert 'name="file:actions_test.yaml"' not in dropped


def test_the_text_comes_back_as_it_was_whatever_it_holds(site: Site) -> None:
    text = "\n\n# </textarea><script>alert(1)</script> \u202e &amp;\n"
    with site.client("ada") as ada:
        page = ada.post("/policy/edit", data=form({"actions.yaml": text})).text
    assert "<script>alert" not in page
    shown = re.search(r'name="file:actions.yaml"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert shown is not None
    assert shown[1] == "\n\n\n# &lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt; \u202e &amp;amp;\n"


def test_a_review_tells_what_a_change_would_do(site: Site) -> None:
    with site.client("ada") as ada:
        page = ada.get(reviewed(ada, texts(actions=CHANGED))).text
    assert "It is looser somewhere." in page
    assert "invariants proved" in page
    assert "quarantine_email" in page
    assert "verdict.confidence &gt;= 0.82" in page
    assert "Request activation" in page


def test_a_review_shows_past_decisions_that_flip_with_their_case(site: Site) -> None:
    files = texts(actions=("    then: {approvals: 1, from: [analyst, approver, soc-lead], expires: 4h}\n", FASTER))
    with site.client("ada") as ada:
        page = ada.get(reviewed(ada, files)).text
    flips = page[page.index("What history would have been") : page.index("People’s time")]
    assert re.search(r'href="/cases/tkt_\w+"', flips)
    assert re.search(r'href="/policy/decisions/dec_\w+"', flips)


def test_a_broken_invariant_is_shown_with_a_situation_and_cannot_be_asked_for(site: Site) -> None:
    files = texts(actions=("then: {approvals: 2, from: [admin]", "then: {approvals: 1, from: [admin]"))
    example = "{given: {args: {bundle: {value: 9f86d081884c7d65}}}, expect: ask"
    files["actions.yaml"] = files["actions.yaml"].replace(f"{example}, approvals: 2}}", f"{example}}}")
    files.pop("actions_test.yaml")
    with site.client("ada") as ada:
        to = reviewed(ada, files)
        page = ada.get(to).text
        assert "policy-takes-two-people" in page
        assert "activate_policy is called" in page
        assert "Request activation" not in page
        refused = ada.post(f"{to}/propose", data={"reason": "Faster."})
    assert refused.status_code == 409
    assert "breaks its own invariant" in refused.text


def test_texts_that_are_no_policy_have_no_review_and_are_kept(site: Site) -> None:
    with site.client("ada") as ada:
        to = reviewed(ada, {**texts(), "actions.yaml": "rules: 1\n"})
        assert "no policy that loads" in ada.get(to).text
        assert ">\nrules: 1" in ada.get(f"/policy/edit?review={to.rpartition('/')[2]}").text


def test_a_review_is_seen_by_the_session_that_asked_for_it_only(site: Site) -> None:
    with site.client("ada") as ada, site.client("adam") as adam:
        to = reviewed(ada, texts(actions=CHANGED))
        assert adam.get(to).status_code == 404
        assert adam.post(f"{to}/propose", data={"reason": "Not mine."}).status_code == 404


def test_comments_alone_are_nothing_to_ask_for(site: Site) -> None:
    with site.client("ada") as ada:
        to = reviewed(ada, texts(actions=("# What teams may do.", "# What teams may do here.")))
        assert "It means the same as what is live" in ada.get(to).text


def test_a_change_goes_live_when_two_others_agree_and_its_author_cannot(site: Site) -> None:
    third_admin(site)
    with site.client("ada") as ada, site.client("adam") as adam, site.client("alma") as alma:
        change = asked(ada, texts(actions=CHANGED))
        own = ada.get(change).text
        assert "You proposed this change" in own
        assert 'value="yes"' not in own
        assert "somebody else must answer it" in answer(ada, change).text
        assert answer(adam, change).status_code == 303
        assert "1 of 2 approvals" in adam.get(change).text
        assert "has answered this change already" in answer(adam, change).text
        assert answer(alma, change).status_code == 303
        assert "went live" in alma.get(change).text
        with site.store.read() as tx:
            live = tx.bundles.live()
        assert live is not None
        assert change.endswith(str(live.change_id))
        assert live.bundle_hash[:12] in ada.get("/policy").text


def test_a_denial_takes_a_reason_and_ends_the_change(site: Site) -> None:
    with site.client("ada") as ada, site.client("adam") as adam:
        change = asked(ada, texts(actions=CHANGED))
        empty = answer(adam, change, approve=False, reason=" ")
        assert empty.status_code == 409
        assert "A denial needs a reason" in empty.text
        assert answer(adam, change, approve=False, reason="Not now.").status_code == 303
        page = adam.get(change).text
    assert ">denied<" in page
    assert "Not now." in page


def test_an_answer_is_bound_to_what_was_shown(site: Site) -> None:
    with site.client("ada") as ada, site.client("adam") as adam:
        change = asked(ada, texts(actions=CHANGED))
        for digest in ("", "0" * 64):
            given = {"digest": digest, "approve": "yes", "reason": "Blind."}
            assert "not the one you saw" in adam.post(f"{change}/answers", data=given).text


def test_a_change_says_when_what_it_was_reviewed_against_is_gone(site: Site, tmp_path: Path) -> None:
    with site.client("ada") as ada, site.client("adam") as adam:
        change = asked(ada, texts(actions=CHANGED))
        put_live(site.store, write_bundle(tmp_path / "other", "one"))
        assert "Another bundle went live meanwhile" in adam.get(change).text
        assert answer(adam, change).status_code == 409


def test_a_change_expires(site: Site) -> None:
    with site.client("ada") as ada:
        change = asked(ada, texts(actions=CHANGED))
    site.clock.advance(seconds=8 * 24 * 3600)
    with site.client("adam") as adam:
        assert "expired at" in answer(adam, change).text


def test_a_rollback_is_shown_by_meaning_before_it_is_made(site: Site, tmp_path: Path) -> None:
    with site.store.read() as tx:
        first = tx.bundles.live_hash()
    put_live(site.store, write_bundle(tmp_path / "other", "one"))
    with site.client("ada") as ada, site.client("aud") as aud:
        page = ada.get("/policy/rollback").text
        assert "isolate_host" in page
        assert aud.get("/policy/rollback").status_code == 403
        assert ada.post("/policy/rollback", data={"to": first, "reason": ""}).status_code == 409
        assert ada.post("/policy/rollback", data={"to": "0" * 64, "reason": "Which?"}).status_code == 409
        assert ada.post("/policy/rollback", data={"to": first, "reason": "It was too strict."}).status_code == 303
        assert "It was too strict." in ada.get("/policy").text
        assert "There is nothing to go back to" in ada.get("/policy/rollback").text
    with site.store.read() as tx:
        assert tx.bundles.live_hash() == first


def test_an_auditor_reads_everything_but_files_and_changes_nothing(site: Site) -> None:
    files = texts(actions=CHANGED, organization=("Harbour", "Haven"))
    with site.client("ada") as ada, site.client("aud") as aud:
        change = asked(ada, files)
        live = re.search(r"/policy/bundles/[0-9a-f]{64}", ada.get("/policy").text)
        assert live is not None
        assert "organization:" in ada.get(live[0]).text or "domains:" in ada.get(live[0]).text
        page = aud.get(live[0]).text
        assert "Only admins read them" in page
        assert "harbourbank.example" not in page
        seen = aud.get(change).text
        assert "for admins only" in seen
        assert "Haven" not in seen
        assert "organization." in ada.get(change).text
        assert aud.get("/policy/rules").status_code == aud.get("/policy/decisions").status_code == 200
        assert aud.get("/policy/edit").status_code == aud.get(f"/policy/edit?change={change}").status_code == 403
        assert check(aud, files).status_code == 403
        for path in ("/policy/review", f"{change}/answers", "/policy/rollback"):
            assert aud.post(path, data={"reason": "x"}).status_code == 403


def test_the_decision_log_is_filtered_and_paged(site: Site) -> None:
    with site.client("aud") as aud:
        rows = re.compile(r'data-primary href="/policy/decisions/(dec_\w+)"')
        first = aud.get("/policy/decisions").text
        assert len(rows.findall(first)) == 50
        older = re.search(r'href="([^"]*cursor=\d+)"', first)
        assert older is not None
        second = aud.get(older[1].replace("&amp;", "&")).text
        assert not set(rows.findall(first)) & set(rows.findall(second))
        denied = aud.get("/policy/decisions?outcome=ask&tool=isolate_host").text
        assert len(rows.findall(denied)) == denied.count('<span class="chip warn">ask</span>') > 0
        assert "No decision fits" in aud.get("/policy/decisions?rule=no-such-rule").text
        assert aud.get("/policy/decisions?door=<script>").status_code == 422
        assert aud.get("/policy/decisions?cursor=x").status_code == 422


def test_a_decision_is_explained_part_by_part(site: Site) -> None:
    with site.client("aud") as aud:
        listed = aud.get("/policy/decisions?outcome=ask").text
        link = re.search(r"/policy/decisions/dec_\w+", listed)
        assert link is not None
        page = aud.get(link[0]).text
    assert "How the answer follows" in page
    assert 'class="mark m-true"' in page


def test_rules_are_sentences_with_how_often_they_decided(site: Site) -> None:
    with site.client("aud") as aud:
        page = aud.get("/policy/rules").text
    assert "asks 2 people (admin), open for 7 d" in page
    assert re.search(r'href="/policy/decisions\?rule=look&amp;tool=\w+">\d+ ×', page)
    assert "Gave no answer in 30 days" in page
    site.clock.advance(seconds=31 * 24 * 3600)
    with site.client("aud") as aud:
        assert not re.search(r">\d+ ×<", aud.get("/policy/rules").text)
