"""An API for machines: one scope reads invoices, another one creates them."""

from typing import Annotated

from fastapi import Depends, FastAPI
from kinde_guard import AccessToken, KindeGuard, require_scopes

app = FastAPI()
KindeGuard.from_env().install(app)


@app.get("/invoices", dependencies=[Depends(require_scopes("read:invoices"))])
async def list_invoices() -> list[str]:
    return ["2026-1", "2026-2"]


@app.post("/invoices", status_code=201)
async def create_invoice(
    token: Annotated[AccessToken, Depends(require_scopes("create:invoices"))],
) -> dict[str, bool]:
    return {"created": True, "by_a_machine": token.is_machine}
