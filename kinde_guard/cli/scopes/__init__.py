"""``kinde-guard scopes``: see and change scopes through Kinde's Management API."""
