"""Residual connections (``shortcut_cpu`` in ``blas.c``)."""

from __future__ import annotations

from ..conv.epilogue import activated, has_vector_form
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, mul, pointer, splat, store
from .activations import LINEAR, activate, activate_values, is_code  # noqa: F401 (for `Requires` in a docstring)

PART = 2048
"""Values that are still in the nearest cache when they are activated."""


@plan_kernel(tasks=lambda c: c)
def shortcut(queue, out, x, added, c, h, w, added_c, added_h, added_w, alpha, beta, code, tile):
    """activation(alpha * x + beta * added) where both have a value, activation(x) elsewhere.

    Args:
        out: written float32[c, h, w]
        x: float32[c, h, w]
        added: float32[added_c, added_h, added_w]
        c, h, w: int: channels and sides of the input and of the output
        added_c, added_h, added_w: int: of what is added
        alpha, beta: float32
        code: int: number of the activation
        tile: Tile

    Requires:
        is_code(code)
        added_w // w == added_h // h and w // added_w == h // added_h
    """
    stride = max(added_w // w, 1)
    sample = max(w // added_w, 1)
    rows = min(h, added_h)
    columns = min(w, added_w)
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        plane = channel * h * w
        if channel < added_c and added_h == h and added_w == w:
            inline = code if has_vector_form(code) else LINEAR
            for i in range(plane, plane + h * w, PART):
                count, line = min(PART, plane + h * w - i), pointer(out, i)
                _add_planes(line, pointer(x, i), pointer(added, i), count, alpha, beta, inline, tile)
                if inline != code:
                    activate_values(tile, line, line, count, code)
            continue
        for i in range(plane, plane + h * w):
            out[i] = x[i]
        if channel < added_c:
            for j in range(rows):
                target = plane + j * sample * w
                source = (channel * added_h + j * stride) * added_w
                if stride == 1 and sample == 1:
                    for i in range(columns):
                        out[target + i] = alpha * out[target + i] + beta * added[source + i]
                else:
                    for i in range(columns):
                        k = target + i * sample
                        out[k] = alpha * out[k] + beta * added[source + i * stride]
        if code != 0:
            activate_values(tile, pointer(out, plane), pointer(out, plane), h * w, code)


@kernel
def _add_planes(out, x, added, count, alpha, beta, code, tile):
    """The usual case: two inputs of the same shape.

    Args:
        out: written float32*
        x, added: float32*
        count: int: how many values
        alpha, beta: float32
        code: int: number of the activation, of those that `epilogue.has_vector_form`
        tile: Tile
    """
    whole = count // tile.lanes * tile.lanes
    a, b = splat(tile, alpha), splat(tile, beta)
    for i in range(0, whole, tile.lanes):
        total = add(mul(a, load(tile, x, i)), mul(b, load(tile, added, i)))
        store(out, i, activated(tile, total, code))
    for i in range(whole, count):
        out[i] = activate(alpha * x[i] + beta * added[i], code)
