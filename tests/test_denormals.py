"""The floating-point control word: what a library has left in it changes no result, and it stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding, ir

from darknet_py.detect.classify import best_classes
from darknet_py.formats.tree import read_tree
from darknet_py.image.letterbox import letterbox_pixels, resize
from darknet_py.kernels.runtime import denormals
from darknet_py.kernels.runtime.denormals import CONTROL_WORD, CONTROL_WORDS, denormals_as_zero
from darknet_py.kernels.runtime.processor import ARCHITECTURE, architecture_of
from tests.nets import build, net, ramp

f32 = np.float32

TINY = f32(2.0**-126)

PROBABILITY = 2.0**-130
"""Of a class, as a product. (Computed here: the C library's power is not exact while results are rounded upwards.)"""

UPWARDS = {"x86-64": 2 << 13, "arm64": 1 << 22}
"""Results are rounded towards plus infinity."""

needs_word = pytest.mark.skipif(CONTROL_WORD is None, reason="this processor's control word is not known")


def read_word() -> int:
    word = np.empty(1, np.int64)
    denormals.read_control(word)
    return int(word[0])


@pytest.fixture
def careless_library() -> Iterator[int]:
    """Denormals are zero and results are rounded upwards in this thread: the word that says so."""
    before = read_word()
    word = before | CONTROL_WORD.flush | UPWARDS[ARCHITECTURE]
    denormals.write_control(word)
    yield word
    denormals.write_control(before)


def halved() -> float:
    return float(np.multiply(np.full(1, TINY), f32(0.5))[0])


def third() -> float:
    return float(np.divide(np.ones(1, f32), f32(-3))[0])


NEAREST = -0.3333333432674408
"""-1/3 rounded to the nearest float32, which is the lower one; upwards it is -0.3333333134651184."""


@needs_word
def test_each_profile_has_its_own_arithmetic_whatever_was_set(careless_library: int) -> None:
    assert halved() == 0
    assert third() > NEAREST
    with denormals_as_zero(False):
        assert halved() == 2.0**-127
        assert third() == NEAREST
        with denormals_as_zero(True):
            assert halved() == 0
            assert third() == NEAREST
        assert halved() == 2.0**-127
    assert read_word() & ~0x3F == careless_library & ~0x3F, "the word is as it was (but for x86's notes of exceptions)"
    assert halved() == 0


@needs_word
def test_an_error_inside_restores_the_word(careless_library: int) -> None:
    with pytest.raises(ZeroDivisionError), denormals_as_zero(False):
        raise ZeroDivisionError
    assert halved() == 0


def emitted(triple: str, cpu: str, word: Any) -> str:
    """The assembly of a function that reads a control word, and of one that writes it."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        target = binding.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip(f"this LLVM has no code generator for {triple}")
    module, int64 = ir.Module(), ir.IntType(64)
    reading = ir.Function(module, ir.FunctionType(int64, []), "reading")
    builder = ir.IRBuilder(reading.append_basic_block())
    builder.ret(word.emit_read(builder))
    writing = ir.Function(module, ir.FunctionType(ir.VoidType(), [int64]), "writing")
    builder = ir.IRBuilder(writing.append_basic_block())
    word.emit_write(builder, writing.args[0])
    builder.ret_void()
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    return str(target.create_target_machine(cpu=cpu).emit_assembly(parsed)).lower()


@pytest.mark.parametrize(
    ("architecture", "triple", "cpu", "reads", "writes"),
    [
        ("arm64", "aarch64-unknown-linux-gnu", "cortex-a72", "mrs\tx0, fpcr", "msr\tfpcr, x0"),
        ("arm64", "arm64-apple-darwin22.0.0", "apple-m1", "mrs\tx0, fpcr", "msr\tfpcr, x0"),
        ("x86-64", "x86_64-unknown-linux-gnu", "x86-64", "stmxcsr", "ldmxcsr"),
    ],
)
def test_the_word_is_read_and_written_on_each_architecture(
    architecture: str, triple: str, cpu: str, reads: str, writes: str
) -> None:
    assert architecture_of(triple) == architecture
    code = emitted(triple, cpu, CONTROL_WORDS[architecture])
    first, _, second = code.partition("writing:")
    assert reads in first
    assert writes in second


def test_the_bits_are_the_manuals() -> None:
    """Intel's manual, volume 1, 10.2.3 (MXCSR); Arm's, D24.1 (FPCR)."""
    ftz, daz, rc = 1 << 15, 1 << 6, 3 << 13
    fz, rmode, dn, nep, ah, fiz = 1 << 24, 3 << 22, 1 << 25, 1 << 2, 1 << 1, 1
    x86, arm = CONTROL_WORDS["x86-64"], CONTROL_WORDS["arm64"]
    assert (x86.flush, x86.others) == (ftz | daz, rc)
    assert (arm.flush, arm.others) == (fz, rmode | dn | nep | ah | fiz)


def test_other_processors_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert architecture_of("riscv64-unknown-linux-gnu") == "riscv64"
    monkeypatch.setattr(denormals, "CONTROL_WORD", None)
    with denormals_as_zero(True):
        assert halved() == 2.0**-127


@needs_word
def test_a_networks_bits_do_not_depend_on_it(tmp_path: Path) -> None:
    sections = "convolutional filters=6 size=3 pad=1 activation=logistic", "yolo classes=1 num=1 mask=0 anchors=4,4"
    detector = build(tmp_path, net(3, 8, 8, *sections), threads=2)
    pixels = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
    planar = ramp(3, 5, 7) * f32(2.0**-130)  # denormals in an image of floats

    def results() -> list[Any]:
        found = detector.detect(pixels, thresh=0.0)
        return [
            letterbox_pixels(pixels, 8, 8), resize(planar, 4, 4), detector.layer_output(0), found.box, found.confidence,
        ]  # fmt: skip

    clean = results()
    before = read_word()
    denormals.write_control(before | CONTROL_WORD.flush | UPWARDS[ARCHITECTURE])
    try:
        careless = results()
    finally:
        denormals.write_control(before)
    assert len(clean[-1])
    for a, b in zip(clean, careless, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@needs_word
def test_a_classifiers_tree_does_not_depend_on_it(tmp_path: Path, careless_library: int) -> None:
    (tmp_path / "a.tree").write_text("root -1\nleaf 0\nother 0\n")
    output = np.array([2.0**-100, 2.0**-30, 0], f32)
    best = best_classes(output, 1, tree=read_tree(tmp_path / "a.tree"))
    assert best[0].probability == PROBABILITY
