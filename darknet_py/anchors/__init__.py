"""Anchors from labels: the paper's dimension clusters (section 2, "Dimension Clusters")."""
