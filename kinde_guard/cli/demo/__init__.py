"""``kinde-guard demo``: a guarded API, every kind of token, and the answers."""
