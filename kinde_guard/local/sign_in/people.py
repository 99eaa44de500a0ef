"""Who may sign in, and to which organization."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from kinde_guard.local.form import Form
from kinde_guard.local.sign_in.problems import SignInProblem
from kinde_guard.local.store import AlreadyThere, Organization, RowRefused, Store, User

_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,190}")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{0,64}")


@dataclass(frozen=True)
class Choice:
    """A person to sign in as, with the organizations to sign in to."""

    user: User
    organizations: tuple[Organization, ...]

    @property
    def name(self) -> str:
        """What the page calls the person."""
        full = f"{self.user.first_name or ''} {self.user.last_name or ''}".strip()
        return full or self.user.email or self.user.username or self.user.phone or self.user.id

    @property
    def initials(self) -> str:
        """Up to two letters."""
        return "".join(word[0] for word in self.name.split()[:2]).upper()


@dataclass(frozen=True)
class Person:
    """A person and the organization that was chosen, if they belong to any."""

    user: User
    org_code: str | None


def choices(store: Store, org_code: str | None) -> list[Choice]:
    """Return everyone who may sign in, to any organization or to the one that is asked for."""
    with store.reading():
        organizations = {each.code: each for each in store.organizations()}
        found = [
            Choice(
                user,
                tuple(
                    organizations[code]
                    for code in user.organizations
                    if org_code in {None, code} and code in organizations
                ),
            )
            for user in store.users()
            if not user.is_suspended
        ]
    return [choice for choice in found if org_code is None or choice.organizations]


def member(user: User | None, org_code: str | None) -> Person | None:
    """Return a person in the organization that is asked for, else in their first one, if any.

    None if they are suspended, or do not belong to it.
    """
    if user is None or user.is_suspended:
        return None
    if org_code is None:
        return Person(user, next(iter(user.organizations), None))
    return Person(user, org_code) if org_code in user.organizations else None


def chosen(store: Store, form: Form, org_code: str | None) -> Person:
    """Return the person whom a form of the page names, registered now if they are new.

    Raises:
        SignInProblem: there is no such person any more, or a new one cannot be registered.
    """
    if form.one("new"):
        return _registered(store, form, org_code)
    user_id, _, code = form.one("person").partition(" ")
    person = member(store.user(user_id), code or org_code)
    if person is None or (org_code is not None and person.org_code != org_code):
        raise SignInProblem(
            "This has changed meanwhile",
            "The person may not sign in any more, or left the organization. Go back and reload.",
            status=409,
        )
    return person


def _registered(store: Store, form: Form, org_code: str | None) -> Person:
    email, first_name, last_name = (
        form.one(name).strip() for name in ("email", "first_name", "last_name")
    )
    if not _EMAIL.fullmatch(email) or not all(map(_NAME.fullmatch, (first_name, last_name))):
        raise SignInProblem(
            "This cannot be used",
            "A new person needs an e-mail address, and names of up to 64 characters. Go back.",
            status=422,
        )
    default = next((each.code for each in store.organizations() if each.is_default), None)
    code = org_code or default
    try:
        with store.transaction():
            user = store.add_user(
                email=email, first_name=first_name or None, last_name=last_name or None
            )
            if code is not None:
                store.add_member(code, user.id)
    except AlreadyThere as error:
        sentence = "Go back and choose the person whose address this is."
        raise SignInProblem("This address is taken", sentence, status=409) from error
    except RowRefused as error:
        sentence = "Something was deleted meanwhile. Go back and reload."
        raise SignInProblem("This has changed meanwhile", sentence, status=409) from error
    return Person(store.user(user.id) or user, code)
