"""Run as a script, by any Python from 3.10 on: ``python start.py ENGINE [LIBRARY]`` is an engine's process.

darknet-py is imported from where this file lies, without its neighbours in site-packages: whatever else the engine
needs comes from this interpreter's own environment.
"""

import importlib.util
import sys
from pathlib import Path

del sys.path[0]  # some files here have the names of the packages that they import


def _import_darknet_py() -> None:
    folder = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        "darknet_py", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["darknet_py"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    _import_darknet_py()
    from darknet_py.bench.peers.serve import main

    main(*sys.argv[1:])
