"""Is an answer to a mathematical problem right? Four readings of a solution, which do not agree."""
