"""What an application's access tokens are made to say of people, as switches.

Source: Kinde, "Token customization" of an application.
"""

from __future__ import annotations

from typing import Final

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.switching import Switch
from kinde_guard.local.store import Application, TokenCustomization

CLAIMS: Final = {
    "api_scopes_in_permissions": ("permissions", "The API scopes of people, among permissions"),
    "roles": ("roles", "The roles of people"),
    "email": ("email", "The e-mail address"),
    "org_name": ("org_name", "The name of the organization"),
    "external_organization_id": ("external_organization_id", "The organization's external id"),
}
"""The claim and the description of each switch, by the field of ``TokenCustomization``."""


def customization_switches(application: Application) -> list[Switch]:
    """Return one switch for each claim that can be added."""
    shown = application.token_customization
    return [
        Switch(name, claim, text, getattr(shown, name)) for name, (claim, text) in CLAIMS.items()
    ]


def customization_in(form: Form) -> TokenCustomization:
    """Return what the switches of a form say."""
    on = form.every("claim")
    return TokenCustomization(**{name: name in on for name in CLAIMS})
