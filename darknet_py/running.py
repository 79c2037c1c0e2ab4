"""A network with its weights, run on raw inputs: what a detector is besides images and boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .detect.finite import mark_reported, was_reported
from .errors import CfgError, DarknetError, warn
from .locks import ForkLock
from .numeric.arithmetic import get_arithmetic
from .numeric.balance import channel_factors
from .plan.cores import usable_cores
from .plan.runner import Runner, in_groups

if TYPE_CHECKING:
    from pathlib import Path

    from .formats.tree import Tree
    from .layers import Layer
    from .network import Network
    from .numeric.quantization import Quantization
    from .parameters import Parameters
    from .typing import Floats

Result = TypeVar("Result")


class RunningNetwork:
    """A network with its weights, ready to run.

    Safe to use from several Python threads: calls take turns (each uses all of the network's worker threads, and the
    GIL is free while it computes). Different networks may be used side by side.

    Attributes:
        network: the layer graph.
        trees: WordTrees, by number of the layer that has one.
        math: name of the arithmetic profile.
        threads: worker threads.
        weights: the file that the weights came from, if any.
        lock: what every call holds while it runs; whoever holds it makes several calls one turn.
    """

    def __init__(
        self, network: Network, parameters: Parameters, *, trees: dict[int, Tree], math: str, threads: int | None,
        keep: Iterable[int], weights: Path | None, quantization: Quantization | None = None,
    ) -> None:  # fmt: skip
        if threads is not None and (isinstance(threads, bool) or not isinstance(threads, (int, np.integer))):
            raise DarknetError(f"threads={threads!r} must be a whole number from 1 on")
        if threads is not None and threads < 1:
            raise DarknetError(f"threads={threads} must be at least 1")
        self.network = network
        self.trees = trees
        self.math = math
        self.threads = int(threads or usable_cores())
        self.lock = ForkLock()
        self.weights = weights
        self._profile = get_arithmetic(math, network.dialect).quantized(quantization)
        if parameters.spoiled:
            mark_reported(network)
        kept = frozenset(_layer_number(network, number) for number in keep)
        self._runner = Runner(network, parameters, self._profile, self.threads, self.trees, kept)

    @property
    def calibration(self) -> str | None:
        """The sha256 of the calibration's file, if it computes with one."""
        quantization = self._profile.quantization
        return None if quantization is None else quantization.sha256

    @property
    def seconds(self) -> float:
        """How long the network took for the last image (its share, if several ran together)."""
        return self._runner.seconds

    def predict(self, x: Floats) -> list[Floats]:
        """Run the network on its raw input.

        Args:
            x: float32, channels x height x width or n x channels x height x width, RGB from 0 to 1, of exactly the
                network's size; for a network without an image (``inputs=`` in its cfg) inputs or n x inputs.

        Returns:
            The raw output of each head (of a network without heads: of its last layer), channels x height x width each;
            with a leading n where ``x`` has one. Each image gets the same bits as alone; but in a recurrent network the
            n inputs are n time steps, and the state is kept from call to call until `reset_state`.

        Raises:
            DarknetError: ``x`` is no such array; with ``math=int8``, some of its values are NaN or infinite.
        """
        x = np.asarray(x)
        with self.lock:  # no other size, and nobody else's time steps between those of a sequence
            several = self._check_input(x)
            heads: list[Layer] = [*self.network.heads] or [self.network.output_layer]
            results = [np.zeros((len(x) if several else 1, *_shape(head)), np.float32) for head in heads]
            done = 0
            for group in in_groups(x if several else [x]):
                self._run(group)
                for result, head in zip(results, heads, strict=True):
                    for number in range(len(group)):
                        result[done + number] = self._runner.output(head.index, number).reshape(_shape(head))
                done += len(group)
        return results if several else [result[0] for result in results]

    def run_each(self, inputs: Sequence[Floats], read: Callable[[int, list[Floats]], Result]) -> list[Result]:
        """Run inputs together, or one by one where memory does not hold the values of so many.

        Args:
            inputs: float32, channels x height x width each.
            read: called for each, with its number and the output of each head (of a network without heads: of its last
                layer), flat: views, which the next run changes.
        """
        with self.lock:
            try:
                self._run(inputs)
            except CfgError:
                if len(inputs) == 1:
                    raise
                return [result for n, x in enumerate(inputs) for result in self.run_each([x], partial(_as, n, read))]
            heads: list[Layer] = [*self.network.heads] or [self.network.output_layer]
            return [
                read(number, [self._runner.output(head.index, number) for head in heads])
                for number in range(len(inputs))
            ]

    def _run(self, inputs: Sequence[Floats]) -> None:
        """Run inputs together, and warn, once for each network, of NaN that the results do not show."""
        self._runner.run(inputs)
        spoiled = self._runner.not_finite()
        if spoiled and not was_reported(self.network):
            mark_reported(self.network)
            layer = self.network.layers[min(spoiled)]
            warn(
                f"outputs of layer {layer.index} ([{layer.kind}]) are NaN or infinite, and integers were made of them: "
                "what the network gives for such inputs means nothing; check that the weights belong to this cfg, and "
                "use math=fast",
                self.network.path,
            )

    def _check_input(self, x: Floats) -> bool:
        """Whether it is several inputs. Raises `DarknetError` if it is none that the network can take."""
        shape = self.network.input
        wanted = (shape.c, shape.h, shape.w) if shape.image else (shape.size,)
        if x.dtype != np.float32 or x.shape[-len(wanted) :] != wanted or x.ndim > len(wanted) + 1:
            raise DarknetError(
                f"predict needs float32 of shape {wanted} or (n, {', '.join(map(str, wanted))}), "
                f"not {x.dtype} of shape {x.shape}"
            )
        return x.ndim > len(wanted)

    def reset_state(self) -> None:
        """Let recurrent layers forget: their state is 0 again, as in a new detector.

        Darknet keeps the state of ``[rnn]``, ``[gru]``, ``[lstm]`` and ``[crnn]`` from one input to the next as long as
        the network lives, and so does a detector, whatever runs it (`predict`, `detect`, `classify`): one input is one
        time step, whatever ``batch`` and ``time_steps`` the cfg has for training.
        """
        with self.lock:
            self._runner.states.reset()

    def layer_output(self, number: int) -> Floats:
        """Output of layer ``number`` (negative: counted from the end) for the last image, as a copy.

        Channels x height x width, or flat where the layer gives no image. Asking for a layer the first time runs the
        network once more, because buffers are reused otherwise.
        """
        with self.lock:
            layer = self.network.layers[_layer_number(self.network, number)]
            if not self._runner.has_run:
                raise DarknetError("layer_output: run detect or predict first")
            self.keep_outputs({layer.index})
            output: Floats = self._runner.output(layer.index).reshape(_shape(layer)).copy()
            return self._real(layer, output)

    def _real(self, layer: Layer, output: Floats) -> Floats:
        """An output with the channels unbalanced that a calibration has balanced."""
        quantization = self._profile.quantization
        if quantization is None or not quantization.factors or not layer.out.image:
            return output
        factors = channel_factors(self.network, quantization.factors, layer.index)
        return output * factors.astype(np.float32)[:, None, None]

    def keep_outputs(self, numbers: Iterable[int]) -> None:
        """Keep the outputs of these layers from now on, too; the last image is run again if some are new.

        Args:
            numbers: layers; negative ones are counted from the end.

        Raises:
            DarknetError: there is no such layer; everything stays as it was.
        """
        with self.lock:
            self._runner.keep({_layer_number(self.network, number) for number in numbers})

    def resize(self, size: tuple[int, int]) -> None:
        """Take images at another input size from now on (Darknet's ``resize_network``; multi-scale, paper's section 2).

        Only shapes and buffers are made anew. The weights stay; a layer's are packed once more where its new shape
        wants them in another order. If the size cannot be, everything stays as it was. Layers whose outputs were kept
        still are; there is no last image until one is run; recurrent layers forget.

        Args:
            size: width and height, for most networks multiples of 32.

        Raises:
            CfgError: the network is not fully convolutional, or its layers do not fit together at that size.
        """
        width, height = check_size(size)
        with self.lock:
            network = self.network.resized(width, height)
            self._runner.resize(network)
            if was_reported(self.network):
                mark_reported(network)
            self.network = network

    def last_outputs(self) -> list[Floats]:
        """The output of each head for the last image, as copies, flat."""
        with self.lock:
            return [self._runner.output(head.index).copy() for head in self.network.heads]


def _as(number: int, read: Callable[[int, list[Floats]], Result], _: int, outputs: list[Floats]) -> Result:
    """What ``read`` gives for an input that has this number among others, but runs alone."""
    return read(number, outputs)


def _shape(layer: Layer) -> tuple[int, ...]:
    return (layer.out.c, layer.out.h, layer.out.w) if layer.out.image else (layer.out.size,)


def _layer_number(network: Network, number: int) -> int:
    """A layer's number, counted from the end if negative. Raises `DarknetError` if there is no such layer."""
    count = len(network.layers)
    if not -count <= number < count:
        raise DarknetError(f"layer {number}: the network has layers 0 to {count - 1}")
    return number % count


def check_size(size: object) -> tuple[int, int]:
    """Width and height of an input. Raises `DarknetError` if it is something else."""
    if isinstance(size, (tuple, list)) and len(size) == 2 and all(isinstance(side, (int, np.integer)) for side in size):
        return int(size[0]), int(size[1])
    raise DarknetError(f"size={size!r}: a size is width and height, such as (416, 416)")
