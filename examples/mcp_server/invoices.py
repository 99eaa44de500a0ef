"""What both servers offer: two tools, and the scopes that each of them needs."""

from __future__ import annotations

TOOLS = {
    "list_invoices": ["invoices:read"],
    "create_invoice": ["invoices:read", "invoices:write"],
    "whoami": [],
}


class Invoices:
    """Invoices in memory, by customer."""

    def __init__(self) -> None:
        self._invoices: list[str] = []

    def list(self) -> list[str]:
        """Return the customers of all invoices."""
        return list(self._invoices)

    def create(self, customer: str) -> str:
        """Write an invoice."""
        self._invoices.append(customer)
        return f"Invoice {len(self._invoices)} for {customer}"
