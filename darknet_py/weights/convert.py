"""Weights from one format to another, with batch normalisation as it is, folded in, or reset."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..dialect import AUTO
from ..errors import DarknetError, FileError, WeightsError
from ..formats.atomic import refuse_input, whole_file
from ..formats.weights import Header
from ..network import read_network
from ..parameters import load_parameters, save_parameters
from .archive import name_arrays, read_npz, read_safetensors, write_npz, write_safetensors
from .batchnorm import FORMULAS, fold, reset, rewrite_cfg
from .saving import as_saved

if TYPE_CHECKING:
    from ..network import Network
    from ..parameters import Arrays, Parameters

KINDS = (".weights", ".npz", ".safetensors", ".onnx")
"""What a file's name may end with when it is written."""


@dataclass
class Converted:
    """What was written.

    Attributes:
        out: the file.
        cfg: the cfg that was written along with it, if one was.
        notes: what the caller should know.
    """

    out: Path
    cfg: Path | None = None
    notes: list[str] = field(default_factory=list)


def convert(
    source: str | Path,
    out: str | Path,
    cfg: str | Path,
    *,
    batchnorm: str = "keep",
    formula: str = "denormalize",
    out_cfg: str | Path | None = None,
    heads: str = "raw",
    dialect: str = AUTO,
) -> Converted:
    """Write the weights ``source`` to ``out``, in the format that the name of ``out`` ends with.

    Args:
        source: a ``.npz`` or ``.safetensors`` file by its name, anything else is a Darknet weights file.
        out: the file to write, ``.weights``, ``.npz``, ``.safetensors`` or ``.onnx``; one that exists is replaced.
        cfg: the cfg file that the weights belong to.
        batchnorm: ``"keep"``; ``"fold"`` it into the weights, which writes a cfg without it, too; ``"reset"`` it.
        formula: how that is computed (`weights.batchnorm.FORMULAS`).
        out_cfg: where the new cfg goes; by default beside ``out``, where it replaces nothing.
        heads: what the heads of an ONNX model give: ``raw``, ``activated`` or ``decoded`` (`export.to_onnx`).
        dialect: whose Darknet the cfg is for, as for `load`.

    Raises:
        CfgError, WeightsError, FileError, DarknetError: nothing is left behind.
    """
    out, kind = Path(out), Path(out).suffix.lower()
    if kind not in KINDS:
        raise FileError(f"what is to be written? Its name must end with {', '.join(KINDS[:-1])} or {KINDS[-1]}", out)
    if batchnorm not in ("keep", "fold", "reset") or formula not in FORMULAS:
        raise DarknetError(f"batchnorm={batchnorm}, formula={formula}: no such thing")
    if kind == ".onnx" and batchnorm != "keep":
        raise FileError("an ONNX model has its batch normalisation folded in always: leave that to the export", out)
    refuse_input(out, source, cfg)
    network = read_network(cfg, dialect=dialect)
    parameters, notes = _read(source, network)
    result = Converted(out, notes=notes)
    if kind == ".onnx":
        _write_onnx(out, network, parameters, heads)
    elif batchnorm == "keep":
        _write(out, kind, network, parameters.arrays, parameters.header)
    else:
        _write_changed(result, kind, network, parameters, batchnorm, formula, out_cfg, source)
    return result


def _read(source: str | Path, network: Network) -> tuple[Parameters, list[str]]:
    kind = Path(source).suffix.lower()
    if kind == ".onnx":
        raise WeightsError("an ONNX model cannot be read: its weights have batch normalisation folded in", source)
    if kind == ".npz":
        return read_npz(source, network)
    if kind == ".safetensors":
        return read_safetensors(source, network)
    return load_parameters(network, source), []


def _write(out: Path, kind: str, network: Network, arrays: Iterable[Arrays], header: Header) -> None:
    if kind == ".weights":
        save_parameters(network, arrays, out, header=header)
    else:
        (write_npz if kind == ".npz" else write_safetensors)(out, name_arrays(network, arrays), header)


def _write_changed(
    result: Converted, kind: str, network: Network, parameters: Parameters, batchnorm: str, formula: str,
    out_cfg: str | Path | None, source: str | Path,
) -> None:  # fmt: skip
    """Write weights as Darknet saves them, and the cfg that reads them if it is not the one that was given."""
    plain, _ = as_saved(network, whole=True)
    removed = ("flipped", "dontloadscales")
    arrays: Iterable[Arrays]
    if batchnorm == "fold":
        text = rewrite_cfg(network, "batch_normalize", *removed)
        text = Path(network.path).read_bytes() if text is None else text
        plain, arrays = fold(plain, parameters.arrays, formula)
    else:
        text = rewrite_cfg(network, *removed)
        arrays = reset(plain, parameters.arrays, formula)
    with ExitStack() as stack:
        if text is not None:
            result.cfg = _cfg_place(result.out, out_cfg, network.path, source)
            try:
                stack.enter_context(whole_file(result.cfg)).write_bytes(text)
            except OSError as error:
                raise FileError(f"cannot write this cfg: {error.strerror or error}", result.cfg) from None
        _write(result.out, kind, plain, arrays, Header(0, 2, 0, parameters.seen))


def _cfg_place(out: Path, given: str | Path | None, *inputs: str | Path) -> Path:
    """Where the new cfg goes. A file that was not named is not replaced."""
    place = out.with_suffix(".cfg") if given is None else Path(given)
    if place.absolute() == out.absolute():
        raise FileError("the weights go there: write their cfg to another file", place)
    refuse_input(place, *inputs)
    if given is None and place.exists():
        raise FileError("is there already: say where the new cfg goes (--out-cfg)", place)
    return place


def _write_onnx(out: Path, network: Network, parameters: Parameters, heads: str) -> None:
    from ..export import to_onnx
    from ..loading import load_trees

    trees = load_trees(network) if any(layer.kind == "softmax" for layer in network.layers) else {}
    to_onnx(network, parameters, trees, heads).write(out)
