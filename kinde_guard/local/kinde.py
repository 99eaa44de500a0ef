"""``LocalKinde``: a running local tenant in one object, and any token that a test may want.

The state (applications, keys, counters) belongs to the object: it survives ``stop`` and ``start``,
and ends with ``close``, which the context manager calls.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

import anyio
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from kinde_guard.local.app import create_app
from kinde_guard.local.claims import (
    ACCESS_TOKEN_LIFETIME,
    ID_TOKEN_LIFETIME,
    OMIT,
    Validity,
    id_claims,
    machine_claims,
    new_user_id,
    user_claims,
    without_omitted,
)
from kinde_guard.local.clock import Clock
from kinde_guard.local.faults import Fault, FaultName
from kinde_guard.local.management_audience import management_audience
from kinde_guard.local.own_api import checked_audiences, checked_scopes
from kinde_guard.local.paths import Endpoint
from kinde_guard.local.people_rights import flag_claim, role_claim
from kinde_guard.local.seed import AUDIENCE
from kinde_guard.local.server import LoopbackServer
from kinde_guard.local.sign_in.people import member
from kinde_guard.local.store import Application, FlagValue, NotThere, Role, Store, User
from kinde_guard.local.tenant import Tenant
from kinde_guard.local.tls import Credentials
from kinde_guard.local.user_tokens import access_claims
from kinde_guard.local.webhooks import EVENT_TYPES, Delivery, Event, Source, Webhook

USER_SCOPES: Final = ("openid", "profile", "email", "offline")
"""What a signed-in user's token holds unless a test says otherwise."""

logger = logging.getLogger("kinde_guard.local")


class LocalKinde:
    """A Kinde tenant on loopback, for development and tests only.

    Args:
        host: a loopback address or "localhost"; it stands in the issuer as it is given.
        port: 0 takes a free one and keeps it.
        database: ":memory:", or a file that keeps applications, scopes and signing keys. Several
            processes may use one file at a time: they are one tenant under several issuers.
        tls: serve https, with a certificate that clients trust who trust ``ca``.
        clock: epoch seconds, for the times in tokens: the one that ``clock`` follows.
        audiences: the APIs of the tenant, in place of "Users API"; the first one is ``audience``.
        scopes: the scopes of each of these APIs, in place of those of "Users API".
        public_url: the issuer, where clients reach the tenant at another URL than it listens at,
            such as ``http://kinde:8787`` between containers. ``host`` may then be any address.

    Raises:
        ValueError: the host is not loopback and there is no public URL, the port cannot be, the
            public URL is none, or an audience or a scope cannot be or is given twice.

    Example:
        >>> with LocalKinde() as kinde:
        ...     headers = kinde.authorization(scopes=["read:users"])
        ...     [application.name for application in kinde.applications]
        ['Back office', 'Reporting', 'Website', 'Front end']

        Over https, as the clients that speak nothing else want it:

        >>> import httpx, ssl
        >>> with LocalKinde(tls=True) as kinde:
        ...     trusting = ssl.create_default_context(cafile=kinde.ca)
        ...     httpx.get(f"{kinde.issuer}/.well-known/jwks", verify=trusting).status_code
        200
    """

    OMIT: Final = OMIT
    """As the value of a claim: leave it out of the token."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        database: str | Path = ":memory:",
        tls: bool = False,
        clock: Callable[[], float] = time.time,
        audiences: Sequence[str] = (),
        scopes: Sequence[str] = (),
        public_url: str | None = None,
    ) -> None:
        tls_context = self._tls_context if tls else None
        self._server = LoopbackServer(
            self._open, host=host, port=port, tls=tls_context, public_url=public_url
        )
        self._audiences = checked_audiences(audiences)
        self._scopes = checked_scopes(scopes)
        self._serves_tls = tls
        self._host = host
        self._database = database
        self._clock = clock if isinstance(clock, Clock) else Clock(clock)
        self._opened: Tenant | None = None
        self._credentials: Credentials | None = None
        self._website_id = uuid.uuid4().hex

    # Life

    def start(self) -> None:
        """Serve, and return as soon as requests are answered. Does nothing if it runs.

        Raises:
            StartError: the port is taken, or the certificate authority cannot be kept.
            StoreError: the database cannot be used.
        """
        self._server.start()
        logger.info("Local Kinde serves %s, for development and tests only.", self.issuer)

    def stop(self) -> None:
        """Refuse connections from now on; ``start`` goes on with the same state and port."""
        if self._opened is not None:
            self._opened.faults.interrupt_pauses()
        self._server.stop()

    def close(self) -> None:
        """Stop, and give up the state, unless a file keeps it."""
        self.stop()
        if self._opened is not None:
            self._opened.close()
        if self._credentials is not None:
            self._credentials.close()
            self._credentials = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        starting = asyncio.get_running_loop().run_in_executor(None, self.__enter__)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread goes on: what it starts must end, before anybody hears of the end.
            with anyio.CancelScope(shield=True):
                await asyncio.wait([starting])
                await run_in_threadpool(self.close)
            raise

    async def __aexit__(self, *exc_info: object) -> None:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(self.close)

    # The tenant

    @property
    def issuer(self) -> str:
        """The URL at which it is reached, and the ``iss`` of its tokens."""
        return self._tenant.issuer

    @property
    def ca(self) -> Path | None:
        """The file that clients need to trust it over https; None over http.

        Clients take it from SSL_CERT_FILE, REQUESTS_CA_BUNDLE or NODE_EXTRA_CA_CERTS. Without a
        database file it lies in a temporary directory, and is gone with the tenant.
        """
        return self._tenant.ca

    @property
    def clock(self) -> Clock:
        """The clock for the times in tokens: advance it, freeze it, reset it.

        Example:
            >>> with LocalKinde() as kinde:
            ...     token = kinde.token()
            ...     kinde.clock.advance(86_400)  # ``token`` has expired for introspection
        """
        return self._clock

    @property
    def audience(self) -> str:
        """The audience of the first API: the first one given, else that of "Users API"."""
        if self._audiences:
            return self._audiences[0]
        known = [api.audience for api in self.store.apis() if not api.is_management_api]
        return AUDIENCE if AUDIENCE in known or not known else known[0]

    @property
    def applications(self) -> list[Application]:
        """The applications: machines, websites (``reg``) and front ends (``spa``, no secret).

        All but the one that manages the tenant: that is ``management``.

        Example:
            >>> with LocalKinde() as kinde:
            ...     [(each.name, each.type) for each in kinde.applications[2:]]
            [('Website', 'reg'), ('Front end', 'spa')]
        """
        management = self.management
        return [each for each in self._tenant.store.applications() if each != management]

    @property
    def people(self) -> list[User]:
        """The people who may sign in, each with ``id``, ``email`` and ``organizations`` (codes).

        Example:
            >>> with LocalKinde() as kinde:
            ...     kinde.people[0].email, kinde.people[0].organizations
            ('ada@example.com', ('org_1ccfb819462',))
        """
        return self._tenant.store.users()

    def allow_callback(self, application: Application | str, *urls: str) -> None:
        """Let an application be called back at more addresses; once is enough.

        Args:
            application: it, or its client id.
            urls: absolute addresses, which sign-ins must name letter for letter. Pages of their
                origins may then call local Kinde from a browser.

        Raises:
            ValueError: one is no address to be called back at.
            NotThere: there is no such application.

        Example:
            >>> with LocalKinde() as kinde:
            ...     kinde.allow_callback(kinde.applications[-1], "http://localhost:4321/callback")
        """
        self.store.add_callbacks(_client_id(application), urls)

    def allow_logout(self, application: Application | str, *urls: str) -> None:
        """Let people be led to more addresses when they sign out. See ``allow_callback``."""
        self.store.add_logouts(_client_id(application), urls)

    @property
    def management(self) -> Application | None:
        """The application that may use the Management API, unless it was deleted."""
        return self._tenant.store.management_application()

    @property
    def management_audience(self) -> str:
        """The audience of the Management API."""
        return management_audience(self.issuer)

    @property
    def store(self) -> Store:
        """The tenant's rows: add applications, APIs and scopes here."""
        return self._tenant.store

    @property
    def jwks_requests(self) -> int:
        """How often the key set was asked for, answered or not."""
        return self._tenant.requests["jwks"]

    @property
    def token_requests(self) -> int:
        """How often the token endpoint was asked, answered or not."""
        return self._tenant.requests["token"]

    def rotate_keys(self, *, keep_old: bool = False) -> None:
        """Sign with a new key from now on. The former ones are withdrawn unless ``keep_old``."""
        self._tenant.rotate_keys(keep_old=keep_old)

    # Faults

    def fail(
        self,
        what: FaultName,
        *,
        endpoint: Endpoint = "jwks",
        status: int = 500,
        seconds: float = 10.0,
        size: int = 1_048_576,
    ) -> Fault:
        """Make an endpoint misbehave at once, until ``recover`` or the end of a ``with`` block.

        Args:
            what: "status" answers with ``status``; "slow" answers after ``seconds``; "trickle"
                begins at once and takes ``seconds`` to end; "garbage" is no JSON; "truncated" ends
                half way; "invalid_utf8" is no text; "oversized" is a true answer of ``size``
                bytes; "redirect" points to the true answer; "no_keys" is an empty key set and
                "unusable_keys" one without a usable key; "disconnect" closes the connection
                unanswered.
            endpoint: "jwks" or "token".
            status: from 200 to 599.
            seconds: how long "slow" and "trickle" take. They end early when recovered from.
            size: bytes of an "oversized" answer.

        Raises:
            ValueError: there is no such fault, endpoint or status.

        Example:
            >>> import httpx
            >>> with LocalKinde() as kinde, kinde.fail("status", status=503):
            ...     httpx.get(f"{kinde.issuer}/.well-known/jwks").status_code
            503
        """
        faults = self._tenant.faults
        return faults.fail(what, endpoint=endpoint, status=status, seconds=seconds, size=size)

    def recover(self) -> None:
        """End every fault."""
        self._tenant.faults.recover()

    # Tokens

    def token(
        self,
        scopes: str | Iterable[str] | None = None,
        *,
        audience: str | Iterable[str] | None = None,
        client_id: str | None = None,
        roles: Iterable[str] | None = None,
        features: Mapping[str, FlagValue] | None = None,
        expires_in: int = ACCESS_TOKEN_LIFETIME,
        **claims: object,
    ) -> str:
        """Return a machine's access token, without asking the token endpoint.

        Args:
            scopes: what it holds, granted or not; None for all that the application was granted.
            audience: one or more; None for "Users API".
            client_id: the application; None for the first one, "Back office".
            roles: keys of roles, as a workflow of the tenant may add them.
            features: values of feature flags by key.
            expires_in: seconds; one that is not positive gives an expired token.
            claims: any claims to set or change; ``OMIT`` leaves one out.

        Source: Kinde, "Token structure" of machine-to-machine applications.

        Example:
            >>> with LocalKinde() as kinde:
            ...     expired = kinde.token(["read:users"], expires_in=-60)
            ...     endless = kinde.token(["read:users"], exp=kinde.OMIT)
        """
        return self._tenant.keys.sign(
            self._machine_claims(
                scopes,
                audience,
                client_id,
                expires_in,
                {**self._changes(None, None, roles, features), **claims},
            )
        )

    def forged_token(
        self,
        scopes: str | Iterable[str] | None = None,
        *,
        audience: str | Iterable[str] | None = None,
        client_id: str | None = None,
        expires_in: int = ACCESS_TOKEN_LIFETIME,
        **claims: object,
    ) -> str:
        """Return what ``token`` does, with the right key id but signed by a stranger's key."""
        return self._tenant.keys.forge(
            self._machine_claims(scopes, audience, client_id, expires_in, claims)
        )

    def user_token(  # noqa: PLR0913 - one for each claim that tests vary
        self,
        person: str | User | Iterable[str] | None = None,
        *,
        scopes: str | Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        client_id: str | None = None,
        subject: str | None = None,
        org: str | None = None,
        org_code: str | None = None,
        permissions: Iterable[str] | None = None,
        roles: Iterable[str] | None = None,
        features: Mapping[str, FlagValue] | None = None,
        expires_in: int = ACCESS_TOKEN_LIFETIME,
        **claims: object,
    ) -> str:
        """Return a signed-in person's access token.

        With a person it says what their sign-in to the front end would give: the organization,
        their permissions and API scopes there, roles, feature flags. Without, it is of a person
        who holds nothing, and says only what the arguments say.

        Args:
            person: an e-mail address, an id, or one of ``people``. Anything else is ``scopes``.
            scopes: the names in ``scp``; a user's token has no ``scope``. None for those that a
                sign-in asks for.
            audience: one or more; None for "Users API"; () for none, as when no API was asked for.
            client_id: the application they signed in to; None for the front end.
            subject: their id; None for the person's, or a new one: ``kp_`` and 32 hex digits.
            org: the organization they signed in to; None for the person's first one.
            org_code: the same.
            permissions: in place of the person's permissions and API scopes in that organization.
            roles: keys, in place of the person's roles.
            features: values by key, in place of the person's feature flags.
            expires_in: seconds; one that is not positive gives an expired token.
            claims: any claims to set or change; ``OMIT`` leaves one out.

        Raises:
            ValueError: there is no such person, or they do not belong to the organization.

        Source: Kinde, "About access tokens".

        Example:
            >>> with LocalKinde() as kinde:
            ...     ada = kinde.user_token("ada@example.com")
            ...     reader = kinde.user_token(permissions=["read:users"], roles=["analyst"])
            ...     token = kinde.user_token(["openid", "read:users"], org_code="org_1")
        """
        code = org if org is not None else org_code
        user = None if person is None else self._person(person)
        if person is not None and user is None:
            scopes = _scope_names(person)
        asked = USER_SCOPES if scopes is None else _names(scopes)
        if user is not None:
            shape = self._claims_of(user, client_id, code, self._named(audience), asked, expires_in)
        else:
            shape = user_claims(
                self.issuer,
                Validity.starting(self._tenant.clock(), expires_in),
                client_id=client_id or self._website_id,
                subject=new_user_id(),
                audience=self._named(audience),
                scopes=asked,
                org_code=code,
            )
        changes = self._changes(subject, permissions, roles, features)
        return self._tenant.keys.sign(without_omitted({**shape, **changes, **claims}))

    def id_token(
        self,
        *,
        client_id: str | None = None,
        subject: str | None = None,
        expires_in: int = ID_TOKEN_LIFETIME,
        **claims: object,
    ) -> str:
        """Return an ID token: signed by the same key, and no access token. See ``user_token``."""
        shape = id_claims(
            self.issuer,
            Validity.starting(self._tenant.clock(), expires_in),
            client_id=client_id or self._website_id,
            subject=subject or new_user_id(),
        )
        return self._tenant.keys.sign(without_omitted({**shape, **claims}))

    # Webhooks

    def webhook(
        self,
        type: str,  # noqa: A002 - the member's name
        data: Mapping[str, Any] | None = None,
        *,
        source: Source = "admin",
    ) -> str:
        """Return the body of a webhook, a signed event; nothing is sent.

        Args:
            type: such as ``user.deleted``.
            data: what it is about.
            source: what caused it.

        Source: Kinde, "About webhooks".

        Example:
            >>> with LocalKinde() as kinde:
            ...     body = kinde.webhook("user.deleted", data={"user": {"id": "kp_1"}})
            >>> body.count(".")
            2
        """
        tenant = self._tenant
        event = Event.at(tenant.clock(), type, data or {}, source=source)
        return tenant.keys.sign(event.payload)

    def send_webhooks_to(self, endpoint: str, *event_types: str) -> Webhook:
        """Send events to an endpoint from now on, as a webhook of the Management API does.

        Args:
            endpoint: an http or https URL.
            event_types: such as ``user.deleted``; all if none is given.
        """
        webhooks, types = self._tenant.webhooks, event_types or EVENT_TYPES
        return webhooks.register(self._tenant, endpoint, types)

    @property
    def webhook_deliveries(self) -> list[Delivery]:
        """Every event that was sent, with what each try was answered."""
        return self._tenant.webhooks.deliveries

    def deliver_webhooks(self) -> None:
        """Try everything that is pending once, due or not, and return when that is done."""
        self._tenant.webhooks.deliver_now(self._tenant)

    def authorization(
        self,
        scopes: str | Iterable[str] | None = None,
        *,
        audience: str | Iterable[str] | None = None,
        client_id: str | None = None,
        expires_in: int = ACCESS_TOKEN_LIFETIME,
        **claims: object,
    ) -> dict[str, str]:
        """Return the request header that carries such a ``token``."""
        claims_of_token = self._machine_claims(scopes, audience, client_id, expires_in, claims)
        return {"Authorization": f"Bearer {self._tenant.keys.sign(claims_of_token)}"}

    def api_key(
        self,
        scopes: str | Iterable[str] = (),
        *,
        audience: str | None = None,
        user: str | None = None,
        organization: str | None = None,
        name: str = "Test key",
    ) -> str:
        """Make an API key and return it; it cannot be read again.

        Args:
            scopes: names; those that the API does not have yet are added to it.
            audience: of the API that the key is for; None for "Users API".
            user: id of the user that the key belongs to, if it is a user's.
            organization: code of the organization that the key belongs to, if any.
            name: what the key is called in the list of keys.

        Raises:
            NotThere: there is no such API, user or organization.

        Source: Kinde, "Create an API key".

        Example:
            >>> with LocalKinde() as kinde:
            ...     key = kinde.api_key(scopes=["read:users"])
            ...     key[:7], kinde.store.api_keys()[0].scopes
            ('k_live_', ('read:users',))
        """
        wanted = AUDIENCE if audience is None else audience
        api = next((api for api in self.store.apis() if api.audience == wanted), None)
        if api is None:
            raise NotThere(f"there is no API with the audience {wanted}")
        ids = {scope.key: scope.id for scope in api.scopes}
        with self.store.transaction():
            scope_ids = [
                ids.get(scope) or self.store.add_scope(api.id, scope)
                for scope in dict.fromkeys(_names(scopes))
            ]
            _, key = self.store.add_api_key(
                name,
                api.id,
                type="user" if user else "organization" if organization else "environment",
                scope_ids=scope_ids,
                user_id=user,
                org_code=organization,
                now=self._tenant.clock(),
            )
        return key

    # Within

    @property
    def _tenant(self) -> Tenant:
        if self._opened is None:
            raise RuntimeError(
                "Local Kinde was not started. Use ``with LocalKinde() as kinde:``, or start()."
            )
        return self._opened

    def _open(self, issuer: str) -> FastAPI:
        """Return the application for one run; the state is opened before the first."""
        if self._opened is None or self._opened.store.is_closed:
            self._opened = Tenant.open(
                issuer,
                database=self._database,
                clock=self._clock,
                audiences=self._audiences,
                scopes=self._scopes,
            )
        if self._serves_tls and self._opened.ca is None:
            # Only now: beside a file that is no tenant's, no authority is to be made.
            self._opened = replace(self._opened, ca=self._trusted().ca)
        return create_app(self._opened)

    def _tls_context(self) -> ssl.SSLContext:
        return self._trusted().server_context(self._host)

    def _trusted(self) -> Credentials:
        """Return the certificate authority, made when it is first needed."""
        if self._credentials is None:
            self._credentials = Credentials(self._database)
        return self._credentials

    def _machine_claims(
        self,
        scopes: str | Iterable[str] | None,
        audience: str | Iterable[str] | None,
        client_id: str | None,
        expires_in: int,
        claims: dict[str, object],
    ) -> dict[str, object]:
        application = self._application(client_id)
        held = [scope for access in application.apis for scope in access.scopes]
        shape = machine_claims(
            self.issuer,
            Validity.starting(self._tenant.clock(), expires_in),
            client_id=client_id or application.client_id,
            audience=self._named(audience),
            scopes=tuple(dict.fromkeys(held)) if scopes is None else _names(scopes),
            org_code=application.org_code,
        )
        return without_omitted({**shape, **claims})

    def _named(self, audience: str | Iterable[str] | None) -> tuple[str, ...]:
        if audience is None:
            return (self.audience,)
        return (audience,) if isinstance(audience, str) else tuple(audience)

    def _person(self, person: str | User | Iterable[str]) -> User | None:
        """Return the person that is meant; None if it is no person that is named.

        Raises:
            ValueError: there is no such person.
        """
        if isinstance(person, User):
            return person
        if not isinstance(person, str):
            return None
        store = self._tenant.store
        if "@" in person:
            user = store.user_by_email(person)
        elif person.startswith("kp_"):
            user = store.user(person)
        else:
            return None
        if user is None:
            known = ", ".join(str(each.email or each.id) for each in store.users())
            raise ValueError(f"There is no person {person!r} in this tenant; there are {known}.")
        return user

    def _claims_of(
        self,
        user: User,
        client_id: str | None,
        org_code: str | None,
        audience: tuple[str, ...],
        scopes: tuple[str, ...],
        expires_in: int,
    ) -> dict[str, object]:
        """Return what the person's sign-in to an application gives."""
        person = member(user, org_code)
        if person is None:
            raise ValueError(
                f"{user.email or user.id} is suspended, or does not belong to {org_code!r}."
            )
        return access_claims(
            self._tenant,
            self._front_end(client_id),
            person.user,
            org_code=person.org_code,
            audience=audience,
            scopes=scopes,
            expires_in=expires_in,
        )

    def _front_end(self, client_id: str | None) -> Application:
        """Return the application of that id, for want of one the first that people sign in to."""
        known = self.store.application(client_id) if client_id else None
        order = ("spa", "reg")
        fronts = [each for kind in order for each in self.applications if each.type == kind]
        if known is None and not fronts:
            raise ValueError("This tenant has no application that people sign in to.")
        return known or fronts[0]

    def _changes(
        self,
        subject: str | None,
        permissions: Iterable[str] | None,
        roles: Iterable[str] | None,
        features: Mapping[str, FlagValue] | None,
    ) -> dict[str, object]:
        changes: dict[str, object] = {}
        if subject is not None:
            changes["sub"] = subject
        if permissions is not None:
            changes["permissions"] = list(permissions)
        if roles is not None:
            known = {role.key: role for role in self.store.roles()}
            changes["roles"] = [
                role_claim(known.get(key) or Role(str(uuid.uuid4()), key, key, "", False))
                for key in roles
            ]
        if features is not None:
            changes["feature_flags"] = {key: flag_claim(v) for key, v in features.items()}
        return changes

    def _application(self, client_id: str | None) -> Application:
        """Return the application of that id, for want of one the first."""
        known = self.store.application(client_id) if client_id else None
        return known or self.applications[0]


def _client_id(application: Application | str) -> str:
    return application if isinstance(application, str) else application.client_id


def _scope_names(given: str | User | Iterable[str]) -> tuple[str, ...]:
    return () if isinstance(given, User) else _names(given)


def _names(scopes: str | Iterable[str]) -> tuple[str, ...]:
    # A bare string is an iterable too, of its characters: it is read as OAuth writes scopes.
    return tuple(scopes.split()) if isinstance(scopes, str) else tuple(scopes)
