"""What a run leaves: its record, its predictions, and which of its epochs count. Knows no model and no torch."""
