"""What a route requires of an access token: one module for each kind of requirement."""
