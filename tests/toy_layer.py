"""A layer and an activation that darknet-py does not have, in one file outside of the package: a pattern to copy.

``[mirror]`` turns each row around and multiplies it by a stored factor of its channel; ``activation=fold`` is |x|, but
at most 1. `add` puts both into the tables, `remove` takes them out again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darknet_py import extend
from darknet_py.formats.cfg import Section
from darknet_py.kernels.runtime.atomic import next_task
from darknet_py.kernels.runtime.jit import kernel
from darknet_py.kernels.runtime.work import plan_kernel
from darknet_py.layers import Layer, Place, Stored
from darknet_py.layers.base import need_image
from darknet_py.plan.context import LayerContext
from darknet_py.plan.memory import frozen
from darknet_py.plan.step import Step

BLOCK = 4096
"""Values of a task."""


@dataclass(frozen=True, kw_only=True)
class Mirror(Layer):
    """Each row turned around, times ``gain`` and a stored factor of its channel."""

    kind = "mirror"

    gain: float

    @classmethod
    def parse(cls, section: Section, place: Place) -> Mirror:
        """Read a section."""
        shape = need_image(section, place)
        gain = section.find_float("gain", 1.0)
        return cls(index=place.index, line=section.line, input=shape, out=shape, gain=gain)

    def stored(self) -> list[Stored]:
        """One factor for each channel."""
        return [Stored("scales", (self.input.c,))]

    def describe(self) -> str:
        return f"mirror {self.gain:g}"


@plan_kernel(tasks=lambda scales: scales.size)
def mirror(queue, out, x, scales, rows, columns, gain):  # type: ignore[no-untyped-def]
    """Turn rows around; a task is a channel.

    Args:
        out: written float32[scales.size, rows, columns]
        x: float32[scales.size, rows, columns]
        scales: float32[out.size // (rows * columns)]: by channel
        rows, columns: int: of a channel
        gain: float32
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for row in range(channel * rows, (channel + 1) * rows):
            for column in range(columns):
                out[row * columns + column] = x[(row + 1) * columns - 1 - column] * scales[channel] * gain


def mirror_steps(layer: Mirror, context: LayerContext) -> list[Step]:
    """One step."""
    return [
        context.step(
            mirror, out=context.out, x=context.x, scales=frozen(context.arrays["scales"]), rows=layer.out.h,
            columns=layer.out.w, gain=np.float32(layer.gain),
        )
    ]  # fmt: skip


@kernel
def folded(x):  # type: ignore[no-untyped-def]
    """|x|, but at most 1.

    Args:
        x: float32
    """
    return min(abs(x), np.float32(1))


@plan_kernel(tasks=lambda count: -(-count // BLOCK))
def fold(queue, out, x, count):  # type: ignore[no-untyped-def]
    """`folded`, value by value.

    Args:
        out: written float32[count], may be x
        x: float32[count]
        count: int: of the values
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for i in range(task * BLOCK, min((task + 1) * BLOCK, count)):
            out[i] = folded(x[i])


def add() -> None:
    """Put both into the tables."""
    extend.add_layer(Mirror, mirror_steps, options=["gain"])
    extend.add_activation("fold", fold)


def remove() -> None:
    """Take both out."""
    extend.remove_layer("mirror")
    extend.remove_activation("fold")
