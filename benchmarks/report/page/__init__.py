"""The page: every table and figure of some records as one HTML file, which opens from disk without a network."""
