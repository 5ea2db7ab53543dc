"""From a config to records: jobs, run groups, the training loop, decoding. The one room that trains."""
