"""``python -m darknet_py`` and the console script ``darknet-py``."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
