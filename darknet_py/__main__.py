"""``python -m darknet_py`` and the console script ``darknet-py``."""

from __future__ import annotations

import atexit
import gc
import sys
import warnings
from typing import Any

from .terminal import protect
from .version import why_not_here

STARTING = 70_000
"""About how many objects a command makes before its first picture: modules, most of all."""


def main() -> None:
    """Run the command line."""
    start_quickly()
    if why := why_not_here():
        sys.exit(f"Error: {why}")
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    if sys.argv[1:2] != ["run-script"]:  # a script may do what it wants with the terminal and with warnings
        protect()
        if not sys.warnoptions:  # what overflows in somebody's weights is no fault of the program's
            warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"(darknet_py|numpy)\b")
    run()


def start_quickly() -> None:
    """Have Python look for cycles neither among the modules, while they are imported, nor in all of the memory at the
    end of the process: together a tenth of the time of a command for one picture."""
    usual = gc.get_threshold()

    def begin(phase: str, info: dict[str, Any]) -> None:
        gc.callbacks.remove(begin)
        gc.set_threshold(*usual)

    if gc.isenabled() and usual[0] not in (0, STARTING):
        gc.callbacks.append(begin)
        gc.set_threshold(STARTING, *usual[1:])
    atexit.register(gc.freeze)


if __name__ == "__main__":
    main()
