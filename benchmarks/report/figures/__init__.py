"""Figures as files for print: PNG, PDF and SVG, drawn without a display; the same records give the same bytes."""
