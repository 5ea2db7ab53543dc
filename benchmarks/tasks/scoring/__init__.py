"""Predictions and right answers in, scores out. Knows no model, no run and no record."""
