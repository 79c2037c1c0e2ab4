"""The way through the WordTree to each class: ``python yolo9000_tree.py photo.jpg --weights yolo9000.weights``.

Without ``--weights`` the network gets stand-in weights: its boxes mean nothing then.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import darknet_py
from darknet_py.synth import write_synth
from darknet_py.zoo import find_network


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image")
    parser.add_argument("--model", default="yolo9000", help="a cfg with a [region] that has a tree")
    parser.add_argument("--weights")
    parser.add_argument("--thresh", type=float, default=0.25)
    parser.add_argument("--hier-thresh", type=float, default=0.5, help="least probability for going on to a child")
    options = parser.parse_args(arguments)

    with tempfile.TemporaryDirectory() as folder:
        weights = options.weights
        if weights is None:
            weights = str(Path(folder) / "stand-in.weights")
            write_synth(find_network(options.model), weights)
        net = darknet_py.load(options.model, weights)
        found = net.detect(options.image, thresh=options.thresh, hier_thresh=options.hier_thresh, tree_path=True)
    print(f"{len(found)} objects")
    for thing, path in zip(found, found.tree_paths, strict=True):
        steps = " > ".join(f"{step.name} {step.conditional:.0%}" for step in path)
        print(f"{thing.confidence:.0%} {steps}")


if __name__ == "__main__":
    main()
