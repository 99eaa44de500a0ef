"""``kinde-guard routes``: which operation of an application needs what, and what looks wrong."""
