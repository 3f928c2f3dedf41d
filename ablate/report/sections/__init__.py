"""The sections of a report, one a file: each a pure function of the results and their tables."""
