"""``[convolutional]`` -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..binary import binarized
from ..convolution import convolution_steps

if TYPE_CHECKING:
    from ...layers import Convolutional
    from ..context import LayerContext
    from ..step import Step


def convolutional_steps(layer: Convolutional, context: LayerContext) -> list[Step]:
    """Plain, or with binary weights and inputs."""
    if not layer.xnor:
        return convolution_steps(layer, context)
    before, context = binarized(layer, context)
    return [*before, *convolution_steps(layer, context)]
