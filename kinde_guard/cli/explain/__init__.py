"""``kinde-guard explain``: what a token says, and what the guard makes of it, check by check."""
