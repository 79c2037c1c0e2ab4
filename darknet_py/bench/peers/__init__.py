"""Other engines, each run by an interpreter of its own: see `darknet_py.bench.against`.

These modules run where darknet-py is not installed and import, of it, only what needs nothing but NumPy.
"""
