"""Compact JWS and strict JSON, parsed before anything in them is trusted."""
