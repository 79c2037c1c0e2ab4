"""Residual connections (``shortcut_cpu`` in ``blas.c``)."""

from __future__ import annotations

from .activations import activate
from .atomic import claim
from .jit import kernel


@kernel
def shortcut(queue, out, x, added, c, h, w, added_c, added_h, added_w, alpha, beta, code):
    # out, x: (c, h, w), added: (added_c, added_h, added_w), flat; alpha, beta float32.
    # out = activation(alpha * x + beta * added) where both have a value, activation(x) elsewhere.
    stride = max(added_w // w, 1)
    sample = max(w // added_w, 1)
    rows = min(h, added_h)
    columns = min(w, added_w)
    while True:
        channel = claim(queue, 0)
        if channel >= c:
            return
        plane = channel * h * w
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
            for i in range(plane, plane + h * w):
                out[i] = activate(out[i], code)
