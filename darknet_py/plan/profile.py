"""Arithmetic profiles: whose bits a plan computes."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DarknetError


@dataclass(frozen=True)
class Profile:
    """A choice of arithmetic.

    Attributes:
        name: what the user calls it.
        make: compute as the program that Darknet's stock Makefile builds (gcc -Ofast) instead of as its source says.
        flush_denormals: denormal numbers count as zero while a network runs.
    """

    name: str
    make: bool = False
    flush_denormals: bool = False


PROFILES = {
    "ieee": Profile("ieee"),
}
"""Profiles by name."""


def get_profile(name: str) -> Profile:
    """The profile of that name; `DarknetError` if there is none."""
    if name not in PROFILES:
        raise DarknetError(f"unknown arithmetic profile '{name}'; choose from {', '.join(PROFILES)}")
    return PROFILES[name]
