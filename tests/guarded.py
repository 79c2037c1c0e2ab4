"""Run mutated networks with a forbidden page behind (or in front of) every array that a plan reserves.

    python -m tests.guarded FOLDER MATH behind|before COUNT

Kernels check no bounds; whatever leaves an array ends this process. FOLDER/net.cfg is then the network that did it.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PAGE = mmap.PAGESIZE

handed_out = 0


def forbidden(count: int, behind: bool) -> NDArray[np.float32]:
    """float32 zeros that end where a page begins (or begin where one ends) that nobody may touch."""
    global handed_out
    handed_out += 1
    size = 4 * count
    room = (size + PAGE - 1) // PAGE * PAGE
    memory = mmap.mmap(-1, room + PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    fence = start + room if behind else start
    if libc.mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(PAGE), 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    return np.frombuffer(memory, np.float32, count, room - size if behind else PAGE)


def main() -> None:
    folder, math, side, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    from darknet_py.plan import memory

    memory.aligned_floats = lambda count: forbidden(count, side == "behind")  # before anything else takes its name
    if math == "overrun":
        out = memory.aligned_floats(7)
        ctypes.memset(out.ctypes.data + (out.nbytes if side == "behind" else -4), 1, 4)
    from .test_fuzz import TARGETS, hammer, run_cfg

    with np.errstate(all="ignore"):
        hammer(TARGETS["cfgs"].files(folder), lambda data: run_cfg(folder, math, data), count, same=False)
    print(handed_out)


if __name__ == "__main__":
    main()
