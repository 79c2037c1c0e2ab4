"""Imported by every Python process below ``darknet-py run-script`` as it starts, whatever its version.

Takes its folder off ``sys.path``, lets a ``sitecustomize`` that stands further on the path run as it would have, and
leaves an import hook behind. Only the standard library is needed.
"""

import os
import sys

_folder = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _folder]

if "DARKNET_PY_RUN_SCRIPT" in os.environ and sys.version_info >= (3, 7):
    import importlib.util

    _spec = importlib.util.spec_from_file_location("darknet_py_hook", os.path.join(_folder, "hook.py"))
    assert _spec is not None and _spec.loader is not None
    _hook = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_hook)
    _hook.start(os.environ["DARKNET_PY_RUN_SCRIPT"])

_ours = sys.modules.pop(__name__, None)
try:
    __import__(__name__)  # the one that this one hides
except ImportError:
    if getattr(sys.exc_info()[1], "name", __name__) != __name__:
        raise
finally:
    if _ours is not None:
        sys.modules.setdefault(__name__, _ours)
