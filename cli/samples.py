"""The samples of `workflows/samples.py` for the demo, and what their indicators are known for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflows.samples import FOLDER, Sample, intel_files, load_samples

if TYPE_CHECKING:
    from core.store.engine import Store

__all__ = ["FOLDER", "Sample", "load_intel", "load_samples"]


def load_intel(store: Store) -> None:
    """Fill the intelligence tables with what the samples' indicators are known for."""
    from cli.feeds import import_files

    import_files(store, intel_files())
