"""Dashboards on Weights & Biases: what runs log there, the panels that show it, a workspace and a report."""
