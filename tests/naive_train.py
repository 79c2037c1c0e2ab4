"""Plain twins of the training kernels: Darknet's operations in Darknet's order, one float32 (or double) at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
f32, f64 = np.float32, np.float64

ONE, TWO = f32(1), f32(2)


def convolution(x: Floats, weights: Floats, groups: int, stride: int, pad: int) -> Floats:
    """Sums of (images, c, h, w) and (n, c / groups, size, size): k ascending over (channel, ky, kx)."""
    columns = unrolled(x, weights.shape[2], stride, pad)
    images, _, _, _, out_h, out_w = columns.shape
    n, c, size, _ = weights.shape
    out = np.zeros((images, n, out_h, out_w), f32)
    for f in range(n):
        first = f // (n // groups) * c
        for channel, ky, kx in np.ndindex(c, size, size):
            out[:, f] += weights[f, channel, ky, kx] * columns[:, first + channel, ky, kx]
    return out


def unrolled(x: Floats, size: int, stride: int, pad: int) -> Floats:
    """(images, c, size, size, out_h, out_w): what each tap sees."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out_h, out_w = ((extent - size) // stride + 1 for extent in padded.shape[2:])
    result = np.zeros((*x.shape[:2], size, size, out_h, out_w), f32)
    for ky, kx in np.ndindex(size, size):
        result[:, :, ky, kx] = padded[:, :, ky : ky + out_h * stride : stride, kx : kx + out_w * stride : stride][
            :, :, :out_h, :out_w
        ]
    return result


def convolution_back(
    x: Floats, weights: Floats, delta: Floats, updates: Floats, below: Floats | None, groups: int, stride: int, pad: int
) -> None:
    """Adds to the updates of the weights, and to the deltas of the input."""
    n, c, size, _ = weights.shape
    columns = unrolled(x, size, stride, pad)
    for image in range(len(x)):
        cells = delta[image].reshape(n, -1)
        for f, channel, ky, kx in np.ndindex(n, c, size, size):
            seen = columns[image, f // (n // groups) * c + channel, ky, kx].reshape(-1)
            total = f32(0)
            for k in range(seen.size):
                total = total + cells[f, k] * seen[k]
            updates[f, channel, ky, kx] += total
        if below is None:
            continue
        padded = np.pad(below[image], ((0, 0), (pad, pad), (pad, pad)))
        for channel, ky, kx in np.ndindex(x.shape[1], size, size):
            group = channel // c
            column = np.zeros(delta.shape[2:], f32)
            for f in range(group * (n // groups), (group + 1) * (n // groups)):
                column += weights[f, channel % c, ky, kx] * delta[image, f]
            out_h, out_w = column.shape
            padded[
                channel, ky : ky + (out_h - 1) * stride + 1 : stride, kx : kx + (out_w - 1) * stride + 1 : stride
            ] += column
        h, w = below.shape[2:]
        below[image] = padded[:, pad : pad + h, pad : pad + w]


def batch_statistics(x: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of each channel of (images, channels, cells)."""
    values = x.transpose(1, 0, 2).reshape(x.shape[1], -1)
    count = values.shape[1]
    mean, variance = np.zeros(len(values), f32), np.zeros(len(values), f32)
    for f, row in enumerate(values):
        for value in row:
            mean[f] += value
        mean[f] *= f32(1.0 / count)
        for value in row:
            variance[f] = f32(f64(variance[f]) + f64(value - mean[f]) ** 2)
        variance[f] *= f32(1.0 / (count - 1))
    return mean, variance


def normalized(x: Floats, mean: Floats, variance: Floats) -> Floats:
    """(images, channels, cells) by the batch's statistics."""
    deviation = np.sqrt(variance.astype(f64)) + f64(f32(0.000001))
    return ((x - mean[:, None]).astype(f64) / deviation[:, None]).astype(f32)


def normalized_back(
    x: Floats, delta: Floats, mean: Floats, variance: Floats, scales: Floats, biases_up: Floats, scales_up: Floats
) -> Floats:
    """The deltas of ``x``; adds to the updates of biases and scales."""
    images, channels, cells = x.shape
    norm = normalized(x, mean, variance)
    out = np.zeros_like(delta)
    for f in range(channels):
        by_scale, mean_delta, variance_delta = f32(0), f32(0), f32(0)
        for b in range(images):
            total = f32(0)
            for i in range(cells):
                total += delta[b, f, i]
                by_scale += delta[b, f, i] * norm[b, f, i]
                scaled = delta[b, f, i] * scales[f]
                mean_delta += scaled
                variance_delta += scaled * (x[b, f, i] - mean[f])
            biases_up[f] += total
        scales_up[f] += by_scale
        spread = float(variance[f] + f32(0.00001))
        root = math.sqrt(spread)
        mean_delta = f32(float(mean_delta) * (-1.0 / root))
        variance_delta = f32(float(variance_delta) * (-0.5 * spread**-1.5))
        count = images * cells
        for b in range(images):
            scaled = (delta[b, f] * scales[f]).astype(f64)
            part = float(variance_delta) * 2.0 * (x[b, f] - mean[f]).astype(f64) / count
            out[b, f] = (scaled / root + part + float(mean_delta / f32(count))).astype(f32)
    return out


def maxpool(x: Floats, size: int, stride: int, pad: int) -> tuple[Floats, NDArray[np.int64]]:
    """Maxima and their places in the channel (-1: none)."""
    images, c, h, w = x.shape
    out_h, out_w = ((extent + pad - size) // stride + 1 for extent in (h, w))
    out, places = np.zeros((images, c, out_h, out_w), f32), np.full((images, c, out_h, out_w), -1)
    for at in np.ndindex(out.shape):
        largest = f32(np.finfo(f32).min)
        for n, m in np.ndindex(size, size):
            y, column = at[2] * stride - pad // 2 + n, at[3] * stride - pad // 2 + m
            if 0 <= y < h and 0 <= column < w and x[at[0], at[1], y, column] > largest:
                largest = x[at[0], at[1], y, column]
                places[at] = y * w + column
        out[at] = largest
    return out, places


def maxpool_back(delta: Floats, places: NDArray[np.int64], below: Floats) -> None:
    """Adds to the deltas of the maxima."""
    flat = below.reshape(*below.shape[:2], -1)
    for at in np.ndindex(delta.shape):
        if places[at] >= 0:
            flat[at[0], at[1], places[at]] += delta[at]


def leaky(x: Floats) -> Floats:
    """The activation."""
    return np.where(x > 0, x, (0.1 * x.astype(f64)).astype(f32))


def leaky_back(out: Floats, delta: Floats) -> Floats:
    """Its gradient, taken at its output, times the deltas."""
    return np.where(out > 0, delta, delta * f32(0.1))


def sgd(values: Floats, updates: Floats, rate: float, images: int, momentum: float, decay: float | None) -> None:
    """An update, in place."""
    if decay is not None:
        updates += f32(-f32(decay) * f32(images)) * values
    values += f32(f32(rate) / f32(images)) * updates
    updates *= f32(momentum)


def iou(a: list[np.float32], b: list[np.float32]) -> np.float32:
    """Intersection over union of two boxes."""
    sides = []
    for k in (0, 1):
        low = max(a[k] - a[k + 2] / TWO, b[k] - b[k + 2] / TWO)
        high = min(a[k] + a[k + 2] / TWO, b[k] + b[k + 2] / TWO)
        sides.append(high - low)
    common = f32(0) if min(sides) < 0 else sides[0] * sides[1]
    return f32(common / (a[2] * a[3] + b[2] * b[3] - common))


def cell_box(values: Floats, i: int, j: int, anchor: Floats, units: tuple[int, int]) -> list[np.float32]:
    """An anchor's box at a cell, of its (entries, h, w) values."""
    h, w = values.shape[1:]
    sides = [f32(math.exp(values[2 + k, j, i]) * float(anchor[k]) / units[k]) for k in (0, 1)]
    return [(f32(i) + values[0, j, i]) / f32(w), (f32(j) + values[1, j, i]) / f32(h), *sides]


def box_delta(
    delta: Floats, values: Floats, i: int, j: int, anchor: Floats, units: tuple[int, int], truth: list[np.float32],
    scale: np.float32,
) -> None:  # fmt: skip
    """What pulls the box to a true one."""
    h, w = values.shape[1:]
    target = [truth[0] * f32(w) - f32(i), truth[1] * f32(h) - f32(j)]
    target += [f32(math.log(truth[2 + k] * f32(units[k]) / anchor[k])) for k in (0, 1)]
    for k in range(4):
        delta[k, j, i] = scale * (target[k] - values[k, j, i])


def true_boxes(truth: Floats) -> list[tuple[list[np.float32], int]]:
    """Boxes and classes of an image's labels."""
    rows = truth.reshape(-1, 5)
    ends = np.flatnonzero(rows[:, 0] == 0)
    return [(list(row[:4]), int(row[4])) for row in rows[: ends[0] if len(ends) else len(rows)]]


def class_delta(delta: Floats, values: Floats, j: int, i: int, number: int, keep: bool, scale: np.float32) -> None:
    """One class up, the others down; ``keep``: only up, where another true box has been before."""
    if keep and delta[5, j, i] != 0:
        delta[5 + number, j, i] = scale * (ONE - values[5 + number, j, i])
        return
    for k in range(len(values) - 5):
        delta[5 + k, j, i] = scale * (f32(k == number) - values[5 + k, j, i])


def region_delta(out: Floats, truth: Floats, anchors: Floats, options: dict[str, float], early: bool) -> Floats:
    """Deltas of a region layer without a tree, with softmax, rescore and bias_match.

    out: (images, n, entries, h, w) after activations; truth: (images, 5 * boxes).
    """
    delta = np.zeros_like(out)
    scale = {key: f32(value) for key, value in options.items()}
    _, count, _, h, w = out.shape
    for b, labels in enumerate(truth):
        boxes = true_boxes(labels)
        for j, i, n in np.ndindex(h, w, count):
            mine = cell_box(out[b, n], i, j, anchors[n], (w, h))
            best = max([iou(mine, box) for box, _ in boxes], default=f32(0))
            objectness = out[b, n, 4, j, i]
            delta[b, n, 4, j, i] = 0 if best > scale["thresh"] else scale["noobject_scale"] * (f32(0) - objectness)
            if early:
                anchor = [f32((i + 0.5) / w), f32((j + 0.5) / h), anchors[n, 0] / f32(w), anchors[n, 1] / f32(h)]
                box_delta(delta[b, n], out[b, n], i, j, anchors[n], (w, h), anchor, f32(0.01))
        for box, number in boxes:
            i, j = int(box[0] * f32(w)), int(box[1] * f32(h))
            zero = f32(0)
            fits = [
                iou([zero, zero, anchor[0] / f32(w), anchor[1] / f32(h)], [zero, zero, box[2], box[3]])
                for anchor in anchors
            ]
            n = int(np.argmax(fits))
            overlap = iou(cell_box(out[b, n], i, j, anchors[n], (w, h)), box)
            pull = scale["coord_scale"] * (TWO - box[2] * box[3])
            box_delta(delta[b, n], out[b, n], i, j, anchors[n], (w, h), box, pull)
            delta[b, n, 4, j, i] = scale["object_scale"] * (overlap - out[b, n, 4, j, i])
            class_delta(delta[b, n], out[b, n], j, i, number, False, scale["class_scale"])
    return delta


def yolo_delta(
    out: Floats, truth: Floats, anchors: Floats, mask: list[int], net: tuple[int, int], ignore: float
) -> Floats:
    """Deltas of a yolo layer whose truth_thresh is 1. out: (images, n, entries, h, w) after activations."""
    delta = np.zeros_like(out)
    _, _, _, h, w = out.shape
    for b, labels in enumerate(truth):
        boxes = true_boxes(labels)
        for j, i, n in np.ndindex(h, w, len(mask)):
            mine = cell_box(out[b, n], i, j, anchors[mask[n]], net)
            best = max([iou(mine, box) for box, _ in boxes], default=f32(0))
            delta[b, n, 4, j, i] = 0 if best > f32(ignore) else f32(0) - out[b, n, 4, j, i]
        for box, number in boxes:
            zero = f32(0)
            fits = [
                iou([zero, zero, anchor[0] / f32(net[0]), anchor[1] / f32(net[1])], [zero, zero, box[2], box[3]])
                for anchor in anchors
            ]
            best_anchor = int(np.argmax(fits))
            if best_anchor not in mask:
                continue
            n, i, j = mask.index(best_anchor), int(box[0] * f32(w)), int(box[1] * f32(h))
            box_delta(delta[b, n], out[b, n], i, j, anchors[best_anchor], net, box, TWO - box[2] * box[3])
            delta[b, n, 4, j, i] = ONE - out[b, n, 4, j, i]
            class_delta(delta[b, n], out[b, n], j, i, number, True, ONE)
    return delta
