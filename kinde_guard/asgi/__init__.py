"""The guard's side of ASGI: credentials, public paths, authentication state, responses."""
