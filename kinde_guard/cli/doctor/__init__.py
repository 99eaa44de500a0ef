"""``kinde-guard doctor``: whether this machine can guard an API with this tenant."""
