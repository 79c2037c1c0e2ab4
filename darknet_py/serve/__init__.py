"""A server that speaks the protocols of camera systems: DeepStack, pyzm's gateway, DOODS, KServe v2 (``[serve]``).

``deepstack.py``, ``pyzm.py``, ``doods.py``, ``kserve.py`` and ``native.py`` each translate between a protocol's forms
and one call, `engine.Engine.detect`. `app.application` puts them together, `server.run_server` listens.
"""
