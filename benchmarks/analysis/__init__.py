"""Records and published figures in, scores, intervals and verdicts out. Prints nothing, trains nothing."""
