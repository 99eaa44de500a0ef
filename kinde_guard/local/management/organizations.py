"""Organizations, as far as applications, API keys and users belong to them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

from kinde_guard.local.management.envelope import Absent, Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.paging import NextToken, Page, PageSize, by_token
from kinde_guard.local.management.texts import Body, Line, Title, date_time
from kinde_guard.local.store import NotThere, Organization

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant


class NewOrganization(Body):
    """An organization to register. What concerns sign-in pages and billing has no effect."""

    name: Title
    external_id: Line | None = None
    handle: Line | None = None


class OrganizationUpdate(Body):
    """What is to change."""

    name: Title | None = None
    external_id: Line | None = None
    handle: Line | None = None


class OrganizationSummary(BaseModel):
    """An organization in a list."""

    code: str
    name: str
    handle: str | None
    is_default: bool
    external_id: str | None
    is_auto_membership_enabled: bool = False


class OrganizationDetails(OrganizationSummary):
    """An organization: one of the few answers without an envelope."""

    created_on: datetime


class OrganizationList(Success):
    """A page of organizations."""

    organizations: list[OrganizationSummary]
    next_token: str | None = None


class OrganizationCode(BaseModel):
    """The code of a new organization."""

    code: str


class OrganizationCreated(Success):
    """An organization was registered."""

    organization: OrganizationCode


def organization_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of organizations."""
    operations, store = Operations("Organizations"), tenant.store

    @operations.operation("getOrganization")
    def show_organization(code: Annotated[str, Query(max_length=255)]) -> OrganizationDetails:
        organization = store.organization(code)
        if organization is None:
            raise Refused("ORGANIZATION_NOT_FOUND", "There is no organization of that code")
        created_on = date_time(organization.created_on)
        return OrganizationDetails(**_summary(organization).model_dump(), created_on=created_on)

    @operations.operation("createOrganization")
    def create_organization(body: NewOrganization) -> OrganizationCreated:
        made = store.add_organization(
            body.name,
            handle=body.handle,
            external_id=body.external_id,
            created_on=tenant.clock(),
        )
        return OrganizationCreated(organization=OrganizationCode(code=made.code))

    @operations.operation("getOrganizations")
    def list_organizations(
        sort: Literal["name_asc", "name_desc", "email_asc", "email_desc"] | None = None,
        page_size: PageSize = 10,
        next_token: NextToken = None,
    ) -> OrganizationList:
        found, token = by_token(
            store.organizations(),
            Page(page_size, next_token, sort),
            # An organization of local Kinde has no address: by it all are equal.
            orders={"name": lambda one: one.name, "email": lambda _: ""},
            id_of=lambda one: one.code,
        )
        return OrganizationList(organizations=[_summary(one) for one in found], next_token=token)

    @operations.operation("updateOrganization")
    def update_organization(org_code: str, body: OrganizationUpdate | None = None) -> Success:
        changes = body or OrganizationUpdate()
        store.update_organization(org_code, **changes.model_dump())
        return Success()

    @operations.operation("deleteOrganization")
    def delete_organization(org_code: str) -> Success:
        try:
            store.delete_organization(org_code)
        except NotThere:
            raise Absent from None
        return Success()

    return operations


def _summary(organization: Organization) -> OrganizationSummary:
    return OrganizationSummary(
        code=organization.code,
        name=organization.name,
        handle=organization.handle,
        is_default=organization.is_default,
        external_id=organization.external_id,
    )
