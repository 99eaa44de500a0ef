"""How routes can be printed."""

from enum import StrEnum


class Format(StrEnum):
    """For a person or for a program."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
