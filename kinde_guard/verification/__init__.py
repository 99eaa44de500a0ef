"""Verification of access tokens: signature, claims, granted scopes, cache of verified tokens."""
