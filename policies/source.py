"""Where the files of a bundle come from: a folder, or texts that the store kept. Read once, never looked at again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BundleInvalid, Problem

#: Bytes of one policy file; a larger one is data in the wrong place.
MAX_FILE = 2 * 1024 * 1024
#: YAML files in one bundle.
MAX_FILES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleSource:
    """The files of one bundle, as bytes by name."""

    #: What problems call it: the folder, or what it is known by in the store.
    name: str
    _files: Mapping[str, bytes] = field(repr=False)
    #: Files that are there and could not be read.
    problems: tuple[Problem, ...] = ()

    @classmethod
    def from_folder(cls, folder: Path) -> BundleSource:
        """Every YAML file of a folder, read now: later changes to the folder change nothing here.

        Raises:
            BundleInvalid: there is no such folder, or it holds more files than a bundle can have.
        """
        try:
            entries = sorted(entry for entry in folder.iterdir() if entry.suffix in (".yaml", ".yml"))
        except OSError as error:
            message = f"is not a folder that can be read ({error.strerror}); a policy bundle is a folder of YAML files"
            raise BundleInvalid([Problem(file=str(folder), line=1, column=1, message=message)]) from None
        if len(entries) > MAX_FILES:
            message = f"holds more than {MAX_FILES} YAML files; a bundle has five and its tests"
            raise BundleInvalid([Problem(file=str(folder), line=1, column=1, message=message)])
        files: dict[str, bytes] = {}
        problems: list[Problem] = []
        for entry in entries:
            try:
                files[entry.name] = _read(entry)
            except OSError as error:
                why = error.strerror or "not a plain file"
                message = f"cannot be read ({why}); restore the file"
                problems.append(Problem(file=str(entry), line=1, column=1, message=message))
        return cls(name=str(folder), _files=files, problems=tuple(problems))

    @classmethod
    def from_files(cls, texts: Mapping[str, str], *, name: str = "bundle") -> BundleSource:
        """Texts by file name, such as `Bundle.files` of a bundle that was loaded before."""
        return cls(name=name, _files={file: text.encode("utf-8", "surrogatepass") for file, text in texts.items()})

    def files(self) -> dict[str, bytes]:
        """The files by name."""
        return dict(self._files)


def _read(path: Path) -> bytes:
    # A pipe or a device would never end.
    if not path.is_file():
        raise OSError
    with path.open("rb") as file:
        # One byte more than is allowed shows that there is more.
        return file.read(MAX_FILE + 1)
