"""``python -m darknet_py`` and the console script ``darknet-py``."""

from __future__ import annotations

import sys

from .terminal import protect


def main() -> None:
    """Run the command line."""
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    if sys.argv[1:2] != ["run-script"]:  # a script may do with the terminal what it wants
        protect()
    run()


if __name__ == "__main__":
    main()
