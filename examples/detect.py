"""Detect in images and print what was found: ``python detect.py photo.jpg [...]``."""

from __future__ import annotations

import argparse

import darknet_py


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="+")
    parser.add_argument("--model", default="yolov3-tiny", help="a released model, or a .cfg file")
    parser.add_argument("--weights", help="the weights that belong to the .cfg file")
    parser.add_argument("--names", help="a file with a class name on each line")
    parser.add_argument("--thresh", type=float, default=0.5)
    options = parser.parse_args(arguments)

    net = darknet_py.load(options.model, options.weights, names=options.names)
    for path in options.images:
        found = net.detect(path, thresh=options.thresh)
        print(f"{path}: {len(found)} objects, {1000 * net.seconds:.1f} ms")
        for thing in found:
            left, top, right, bottom = (round(value) for value in thing.xyxy)
            print(f"  {thing.name} {thing.confidence:.0%} from ({left}, {top}) to ({right}, {bottom})")


if __name__ == "__main__":
    main()
