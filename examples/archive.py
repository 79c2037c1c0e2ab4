"""Detect in an archive of pictures, wherever it lies, with one process or a cluster: a row a picture in Parquet files.

python examples/archive.py photos/ found/                                     # this process
python examples/archive.py s3://bucket/photos found/ --dask tcp://HOST:8786   # a Dask cluster; needs s3fs
python examples/archive.py /mnt/photos found/ --ray auto --workers 64         # a Ray cluster
python examples/archive.py photos/ found/ --resume                            # goes on with what was stopped

Each machine needs darknet-py and the network's files at the same paths, and must see the pictures by the same names.
"""

from __future__ import annotations

import argparse
import os
import sys

from darknet_py import DarknetError
from darknet_py.batch import DetectBatch
from darknet_py.batch.archive import Archive
from darknet_py.batch.here import detect_here
from darknet_py.batch.on_dask import detect_on_dask
from darknet_py.batch.on_ray import detect_on_ray

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


def main(arguments: list[str] | None = None) -> None:
    """Run with command-line arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", help="a folder, or an address that fsspec lists (s3://, gs://, memory://, ...)")
    parser.add_argument("out", help="the folder of the archive")
    parser.add_argument("--model", default="yolov3-tiny", help="a cfg file, or the name of a released model")
    parser.add_argument("--weights", help="the weights, with a cfg file of your own")
    parser.add_argument("--names", help="the names, with a cfg file of your own")
    parser.add_argument("--thresh", type=float, default=0.5)
    parser.add_argument("--resume", action="store_true", help="go on with what is there")
    parser.add_argument("--dask", metavar="ADDRESS", help="the scheduler of a Dask cluster; local: one is started")
    parser.add_argument("--ray", metavar="ADDRESS", help="a Ray cluster: auto, or local: one is started")
    parser.add_argument("--workers", type=int, default=1, help="processes that detect (a Dask cluster has its own)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each")
    options = parser.parse_args(arguments)
    detect = DetectBatch(options.model, options.weights, names=options.names, thresh=options.thresh,
                         threads=options.threads)  # fmt: skip
    try:
        archive = run(find(options.pictures), detect, options)
    except DarknetError as error:
        sys.exit(f"Error: {error}")
    print(f"{len(archive.done)} pictures in {options.out}, {archive.added} new, {archive.failed} could not be read")


def find(place: str) -> list[str]:
    """The pictures below a folder or an address, in the order of their names."""
    if "://" not in place:
        files = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.abspath(place)) for name in names]
    else:
        import fsspec

        system, path = fsspec.core.url_to_fs(place)
        files = [system.unstrip_protocol(name) for name in system.find(path)]
    pictures = sorted(name for name in files if name.lower().endswith(SUFFIXES))
    if not pictures:
        sys.exit(f"Error: {place}: there is no picture")
    return pictures


def run(pictures: list[str], detect: DetectBatch, options: argparse.Namespace) -> Archive:
    """Detect with the engine that was asked for."""
    if options.dask:
        from distributed import Client, LocalCluster

        where = LocalCluster(options.workers, threads_per_worker=1) if options.dask == "local" else options.dask
        with Client(where) as client:
            return detect_on_dask(client, pictures, detect, options.out, resume=options.resume)
    if options.ray:
        import ray

        local = {"num_cpus": options.workers * options.threads}
        ray.init(**(local if options.ray == "local" else {"address": options.ray}))
        return detect_on_ray(pictures, detect, options.out, workers=options.workers, threads=options.threads,
                             resume=options.resume)  # fmt: skip
    return detect_here(pictures, detect, options.out, resume=options.resume)


if __name__ == "__main__":
    main()
