"""A tool that cannot be loaded stops by itself; the others, and whoever looks, are not taken along."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from core.errors import ToolRefused
from tools.sandbox.pooled import PooledSandbox
from tools.sandbox.root import CODE_PARTS
from tools.sandbox.tiers import Profile, namespaces

REPOSITORY = Path(__file__).resolve().parents[3]


def beside_a_broken_tool(folder: Path) -> Profile:
    """The real tier over a copy of the tool code that holds one tool more, with an import that fails."""
    for part in CODE_PARTS:
        into = folder / part
        into.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy
        copy(REPOSITORY / part, into)
    (folder / "tools" / "investigate" / "broken.py").write_text("import a_library_that_is_not_there\n")
    profile = namespaces()
    command = [word.replace(f"{REPOSITORY}/tools", f"{folder}/tools") for word in profile.command]
    return Profile(tier="namespaces", command=tuple(command), layers=profile.layers)


def test_broken_tool_is_named_and_the_others_run(tmp_path: Path) -> None:
    sandbox = PooledSandbox(beside_a_broken_tool(tmp_path), size=1)
    call = {"arguments": {"text": "powershell.exe -EncodedCommand RwBlAHQALQBQAHIAbwBjAGUAcwBzAA=="}, "inputs": {}}
    found = asyncio.run(sandbox.run("tools.investigate.decode_script:run", call))
    assert found["facts"]["encoded_command"] is True
    assert [name for name in sandbox.missing if name.startswith("tools.investigate.broken (ModuleNotFoundError")]
    with pytest.raises(ToolRefused, match="ModuleNotFoundError"):
        asyncio.run(sandbox.run("tools.investigate.broken:run", call))
    sandbox.close()
