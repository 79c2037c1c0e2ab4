"""Strategies of files that were valid once: what a bad disk, a bad program or a bad person makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

LARGE = (0, 1, 255, 256, 4095, 32767, 32768, 65535, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
"""Numbers at which counters and signs turn over."""

WORDS = (
    "0", "1", "-1", "2", "3", "7", "16", "17", "255", "65536", "2147483647", "2147483648", "-2147483648",
    "99999999999999999999", "9" * 5000, "1e400", "nan", "inf", "-0.0", "0x10", "1,2", "", " ", "=", "#", "\0",
    "\x1b[31m", "\ufeff", "\udcff", "é", "[", "[net]", "[yolo]", "null", "true", "{", "}", '"', "<", "%", "\\ud800",
)  # fmt: skip

Mutation = tuple[int, int, int, bytes]


def _apply(data: bytes, mutation: Mutation) -> bytes:
    """One change of bytes: kind, place, number, other bytes."""
    kind, where, number, other = mutation
    if not data:
        return other
    # Headers matter most: half of all places are among the first bytes.
    at = where // 2 % (min(len(data), 64) if where % 2 else len(data))
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << number % 8]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + bytes([number % 256]) + data[at + 1 :]
    if kind == 2:
        return data[:at]
    if kind == 3:
        return data[:at] + data[at + 1 + number % 16 :]
    if kind == 4:
        return data[:at] + data[at : at + 1 + number % 32] * 2 + data[at + 1 + number % 32 :]
    if kind == 5:
        return data[:at] + other + data[at + len(other) * (number % 2) :]
    large, width = LARGE[number % len(LARGE)], (2, 4)[number // 16 % 2]
    value = (large & ((1 << 8 * width) - 1)).to_bytes(width, ("little", "big")[number // 32 % 2])
    return data[:at] + value + data[at + width :]


def mutated_bytes(seeds: Sequence[bytes], most: int = 6) -> st.SearchStrategy[bytes]:
    """A seed with some changes."""
    mutation = st.tuples(
        st.integers(0, 6), st.integers(0, 1 << 17), st.integers(0, 255), st.binary(min_size=1, max_size=8)
    )

    def change(seed: bytes, mutations: list[Mutation]) -> bytes:
        for one in mutations:
            seed = _apply(seed, one)
        return seed

    return st.builds(change, st.sampled_from(seeds), st.lists(mutation, min_size=1, max_size=most))


def _edit(text: str, edit: tuple[int, int, int, str]) -> str:
    """One change of a text: of a word, a line or the end."""
    kind, where, other, word = edit
    lines = text.split("\n")
    at = where % len(lines)
    if kind == 0:
        key, equals, _ = lines[at].partition("=")
        lines[at] = f"{key}={word}" if equals else word
    elif kind == 1:
        lines.insert(at, lines[other % len(lines)])
    elif kind == 2:
        del lines[at]
    elif kind == 3:
        words = lines[at].split(" ")
        words[other % len(words)] = word
        lines[at] = " ".join(words)
    else:
        text = "\n".join(lines)
        place = where % (len(text) + 1)
        return text[:place] + word + text[place + other % 3 :]
    return "\n".join(lines)


def mutated_texts(seeds: Sequence[str], most: int = 4) -> st.SearchStrategy[bytes]:
    """A seed with some changes of words and lines, sometimes of bytes."""
    edit = st.tuples(st.integers(0, 4), st.integers(0, 1 << 16), st.integers(0, 1 << 16), st.sampled_from(WORDS))

    def change(seed: str, edits: list[tuple[int, int, int, str]]) -> bytes:
        for one in edits:
            seed = _edit(seed, one)
        return seed.encode("utf-8", "surrogateescape" if "\udcff" in seed else "surrogatepass")

    texts = st.builds(change, st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=most))
    return st.one_of(texts, texts, mutated_bytes([seed.encode() for seed in seeds]))


Check = Callable[[bytes], object]
