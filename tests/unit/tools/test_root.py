"""The sandbox's root shows what tools need wherever the checkout lies."""

from __future__ import annotations

from tools.sandbox.root import root


def test_a_checkout_below_tmp_is_not_hidden_by_the_sandbox_own_tmp() -> None:
    arguments = root(1024).arguments
    assert arguments.index("--tmpfs") < arguments.index("--ro-bind")  # bubblewrap mounts in the order given
