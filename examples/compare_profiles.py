"""How far two arithmetic profiles are apart on an image: ``python compare_profiles.py photo.jpg``.

``ieee`` gives Darknet's bits, ``fast`` nearly the same numbers in about half the time.
"""

from __future__ import annotations

import argparse

import numpy as np

import darknet_py
from darknet_py.image.load import load_image


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image")
    parser.add_argument("--profiles", nargs=2, default=["ieee", "fast"])
    parser.add_argument("--model", default="yolov3-tiny", help="a released model, or a .cfg file")
    parser.add_argument("--weights", help="the weights that belong to the .cfg file")
    options = parser.parse_args(arguments)

    outputs, seconds = [], []
    for profile in options.profiles:
        net = darknet_py.load(options.model, options.weights, math=profile)
        x = net.prepare(load_image(options.image))
        net.predict(x)  # the first run compiles and packs
        outputs.append([output.copy() for output in net.predict(x)])
        seconds.append(net.seconds)
    for profile, took in zip(options.profiles, seconds, strict=True):
        print(f"{profile}: {1000 * took:.2f} ms")
    for head, one, other in zip(net.network.heads, *outputs, strict=True):
        difference = float(np.abs(one - other).max())
        same = np.count_nonzero(one == other) / one.size
        print(f"[{head.kind}] of layer {head.index}: largest difference {difference:.2g}, {same:.1%} the same bits")


if __name__ == "__main__":
    main()
