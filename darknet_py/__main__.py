"""``python -m darknet_py`` and the console script ``darknet-py``."""

from __future__ import annotations

import atexit
import gc
import sys
import warnings

from .terminal import protect
from .version import why_not_here


def main() -> None:
    """Run the command line."""
    if why := why_not_here():
        sys.exit(f"Error: {why}")
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    atexit.register(gc.freeze)  # or Python looks for cycles in all that is in memory, which ends a moment later
    if sys.argv[1:2] != ["run-script"]:  # a script may do what it wants with the terminal and with warnings
        protect()
        if not sys.warnoptions:  # what overflows in somebody's weights is no fault of the program's
            warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"(darknet_py|numpy)\b")
    run()


if __name__ == "__main__":
    main()
