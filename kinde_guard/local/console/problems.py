"""Why the console does not do what it was asked: one class each, with a sentence for a person."""

from __future__ import annotations

from typing import ClassVar


class Problem(Exception):
    """A request that the console answers with a page that says what is wrong."""

    status: ClassVar[int]
    title: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, sentence: str = "") -> None:
        super().__init__(sentence or self.sentence)


class BrokenForm(Problem):
    """The body is no form that a browser sends."""

    status = 400
    title = "This form cannot be read"
    sentence = "The form is broken. Go back, reload the page and try again."


class FromAnotherSite(Problem):
    """Another site sent the browser here, or it cannot be told who did."""

    status = 403
    title = "This request came from another site"
    sentence = (
        "Nothing was changed and nothing was shown: the console follows its own pages only."
        " Open it yourself to go on."
    )


class StaleForm(Problem):
    """The form does not carry the session's CSRF token."""

    status = 403
    title = "This page is out of date"
    sentence = (
        "Nothing was changed: the form is of an earlier session, perhaps from before local Kinde"
        " was restarted. Open the page again and repeat what you did."
    )


class NotThere(Problem):
    """There is no such page, or what it was about is gone."""

    status = 404
    title = "There is nothing here"
    sentence = "The address is wrong, or what it was about has been deleted."


class WrongMethod(Problem):
    """The page cannot be asked for in this way."""

    status = 405
    title = "This address cannot be opened like that"
    sentence = "Nothing was changed: changes are made by the buttons of the console's pages."


class TooLarge(Problem):
    """The body is larger than the form can be."""

    status = 413
    title = "This is too large"
    sentence = "Nothing was changed: the form holds more than the console takes."


class NotAForm(Problem):
    """The body is of another content type than forms are."""

    status = 415
    title = "This is not a form"
    sentence = "Nothing was changed: the console reads URL-encoded forms in UTF-8 only."


class Invalid(Problem):
    """Something that was typed cannot be used."""

    status = 422
    title = "This cannot be used"
    sentence = "Something that was typed cannot be used."


class OutOfDate(Problem):
    """What a form is about has changed since its page was shown."""

    status = 409
    title = "This has changed meanwhile"
    sentence = "Nothing was changed: what the page showed is no longer so. Open it again."
