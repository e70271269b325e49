"""`casemate mask`: what a model would see of a text, and why. Nothing is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.mask_parts import Kind
from cli.output import AsJson, complain, inert, print_json, say

if TYPE_CHECKING:
    from cli.mask_parts import Part
    from cli.mask_show import MaskedPart
    from core.canonical import Json
    from core.masking import Profile
    from policies.masking.masker import Masker
    from policies.masking.session import MaskSession
    from policies.masking.spans import Span


def mask(
    file: Annotated[str, typer.Argument(help="A text, JSON or mail file; - reads standard input.")] = "-",
    kind: Annotated[Kind | None, typer.Option(help="How the file is read; default: by its name and content.")] = None,
    as_json: AsJson = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what changed, original beside token.")] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help='JSON lines in, {"text": …}; JSON lines out, {"masked": …, "spans": […]}.')
    ] = False,
    bundle: Annotated[Path | None, typer.Option("--policy", help="Folder of a bundle; default: the live one.")] = None,
) -> None:
    """Show what a model would see of a text: what is masked, by which recognizer, how sure it is. Nothing is kept."""
    if lines and (as_json or diff or kind is not None):
        raise typer.BadParameter("it goes with none of --json, --diff and --kind", param_hint="--lines")
    if as_json and diff:
        raise typer.BadParameter("say one of --json and --diff", param_hint="--diff")
    try:
        (_stream if lines else _once)(file, kind, as_json, diff, bundle)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        complain(f"{file} cannot be read: {error.strerror}.")
        raise typer.Exit(2) from None


def _stream(file: str, _kind: Kind | None, _as_json: bool, _diff: bool, folder: Path | None) -> None:
    from cli.mask_lines import mask_lines
    from core.vault import MemoryVault

    masker, profile = _masker(folder)
    if not mask_lines(file, lambda text: masker.session(MemoryVault(profile=profile)).mask_with_spans(text)):
        raise typer.Exit(1)


def _once(file: str, kind: Kind | None, as_json: bool, diff: bool, folder: Path | None) -> None:
    from cli.mask_parts import Part, decoded, guess_kind, parse_json, parts_of_mail, read_file
    from cli.mask_show import document, print_diff, print_spans
    from core.vault import MemoryVault

    content = read_file(file)
    chosen = kind or guess_kind("" if file == "-" else file, content)
    parts = parts_of_mail(content) if chosen is Kind.eml else [Part(file, decoded(content))]
    value = parse_json(parts[0].text) if chosen is Kind.json else None
    masker, profile = _masker(folder)
    session = masker.session(MemoryVault(profile=profile))
    if len(parts) > 1:  # all of them at once, so that what one gives away is masked in those before it too
        session.mask_json([part.text for part in parts])
    masked = _masked_json(session, value) if chosen is Kind.json else None
    done = _each(parts, session, session.mask_with_spans)
    if as_json:
        shown = _as_document(chosen, masked, done)
        print_json(document(done, kind=chosen.value, masked_for=profile, masked=shown))
        return
    for one in done:
        if len(done) > 1:
            say(f"== {one.part.name} ==" + (f" {one.part.note}" if one.part.note else ""))
        if diff:
            print_diff(one)
        else:
            shown = json.dumps(masked, indent=2, ensure_ascii=False) if chosen is Kind.json else one.text
            for line in shown.splitlines():
                print(inert(line))
    if diff:
        return
    print()
    if profile == "cloud":
        say("Masked for cloud models: an endpoint of the settings is one.")
    if any(one.spans for one in done):
        print_spans(done)
    else:
        say("Nothing in it is masked.")


def _masked_json(session: MaskSession, value: Json) -> Json:
    from cli.mask_parts import CannotMask

    try:
        return session.mask_json(value)
    except RecursionError:
        raise CannotMask("The JSON is nested too deeply; use --kind text to mask it as it stands.") from None


def _each(
    parts: list[Part], session: MaskSession, mask_one: Callable[[str], tuple[str, list[Span]]]
) -> list[MaskedPart]:
    from cli.mask_show import MaskedPart

    return [MaskedPart(part, *mask_one(part.text)) for part in parts]


def _as_document(kind: Kind, masked: Json, done: list[MaskedPart]) -> Json:
    if kind is Kind.json:
        return masked
    if kind is Kind.text:
        return done[0].text
    return [{"part": one.part.name, "text": one.text, "note": one.part.note or None} for one in done]


def _masker(folder: Path | None) -> tuple[Masker, Profile]:
    """The masker of a bundle, and for which models this process masks."""
    from cli.context import read_settings
    from cli.policy import load
    from core.process import collect_seldom
    from workers.wiring import make_masker
    from workflows.clouds import profile_of

    collect_seldom()
    bundle, settings = load(folder), read_settings()
    return make_masker(bundle, settings), profile_of(bundle, settings.model_chain)
