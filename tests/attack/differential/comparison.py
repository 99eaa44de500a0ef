"""One token before the guard and before both oracles: do they agree, and if not, is it written?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinde_guard import AccessToken, GuardError, KindeGuard
from tests.attack.differential.anatomy import Anatomy
from tests.attack.differential.oracles import Oracle, Verdict, oracles
from tests.attack.differential.rules import RULES, Rule
from tests.attack.differential.stage import EXPECTATIONS, Expectation, Stage


@dataclass(frozen=True)
class Specimen:
    """A token to try, under an expectation, and how it came about."""

    raw: str | bytes
    expectation: Expectation
    history: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something that must not be."""

    what: str
    specimen: Specimen
    where: str = ""

    def __str__(self) -> str:
        how = ", then ".join(self.specimen.history) or "as made"
        expected = self.specimen.expectation.name
        return f"{self.what}\n  {self.where} ({expected}): {how}\n  {self.specimen.raw!r}"


@dataclass
class Tally:
    """What came of many tokens."""

    tokens: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    several: int = 0
    history: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def unused_rules(self) -> list[str]:
        return [rule.name for rule in RULES if not self.rules[rule.name]]

    def explain(self, rules: list[Rule]) -> None:
        """Count a difference for the rule that explains it, if that is one alone.

        Where several rules would do, one of them might be needed no longer.
        """
        if len(rules) == 1:
            self.rules[rules[0].name] += 1
        elif rules:
            self.several += 1

    def count(self, specimen: Specimen, verdict: Verdict) -> None:
        """Take a token's verdict into account."""
        self.tokens += 1
        self.history.update(specimen.history)
        if verdict.accepted:
            self.accepted += 1
        else:
            self.refused[verdict.reason] += 1


async def verdict_of(guard: KindeGuard, raw: str | bytes) -> Verdict:
    """Ask a guard; any exception but a `GuardError` goes through to the caller."""
    try:
        token = await guard.verify(raw)
    except GuardError as error:
        return Verdict(None, error.reason)
    _read(token)
    if token.scopes != _scopes_in(token.claims):
        raise ValueError("the scopes are not those of the claims")
    return Verdict.letting_in(token.claims)


def _scopes_in(claims: Mapping[str, Any]) -> set[str]:
    """Return the scopes by the contract, section 4: the first claim that is there decides."""
    value = next((claims[name] for name in ("scope", "scp") if name in claims), None)
    names = value.split() if isinstance(value, str) else value
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return set(names)
    return set()


def _read(token: AccessToken) -> None:
    # What a handler may do with a token that was let in; none of it may fail.
    repr(token)
    _ = (token.subject, token.client_id, token.principal, token.issuer, token.audience)
    _ = (token.permissions, token.org_code, token.is_machine, token.token_id, token.identity)
    _ = (token.issued_at, token.expires_at, token.display_name, sorted(token.scopes))


class Comparison:
    """Guards and oracles that were told to expect the same."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._guards: dict[Expectation, KindeGuard] = {}
        self._oracles = {
            expectation: oracles(expectation, stage.documents, stage.clock)
            for expectation in EXPECTATIONS
        }
        self.tally = Tally()
        self.renew()

    def renew(self) -> None:
        """Go on with guards that remember nothing."""
        self._guards = {each: self._stage.guard(each) for each in EXPECTATIONS}

    def oracles_of(self, expectation: Expectation) -> tuple[Oracle, ...]:
        return self._oracles[expectation]

    async def judge(self, specimen: Specimen, where: str = "") -> Verdict | None:
        """Compare; what must not be goes to the tally."""
        verdict = await self.verdict(specimen, where)
        if verdict is None:
            return None
        self.tally.count(specimen, verdict)
        for what in self._differences(specimen, verdict):
            self._find(what, specimen, where)
        if await self.verdict(specimen, where) != verdict:
            self._find("the second time it is decided otherwise", specimen, where)
        return verdict

    async def confirm(self, specimen: Specimen, verdict: Verdict, where: str = "") -> None:
        """Let a guard that has another past decide the same."""
        if await self.verdict(specimen, where) != verdict:
            self._find("a guard with another past decides otherwise", specimen, where)

    async def verdict(self, specimen: Specimen, where: str = "") -> Verdict | None:
        """Ask the guard; an exception that is no refusal is a finding."""
        try:
            return await verdict_of(self._guards[specimen.expectation], specimen.raw)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may not be
            self._find(f"the guard raised {error!r}", specimen, where)
            return None

    def _differences(self, specimen: Specimen, verdict: Verdict) -> Iterator[str]:
        for oracle in self._oracles[specimen.expectation]:
            other = oracle.judge(specimen.raw)
            if other.claims == verdict.claims:
                continue
            if other.accepted and verdict.accepted:
                yield f"{oracle.name} reads {other.claims} where the guard reads {verdict.claims}"
                continue
            rules = self._explanations(specimen, oracle.name, verdict)
            self.tally.explain(rules)
            if not rules:
                yield _unexplained(oracle.name, other, verdict)

    def _explanations(self, specimen: Specimen, oracle: str, verdict: Verdict) -> list[Rule]:
        token = Anatomy(specimen.raw, specimen.expectation, self._stage.clock())
        return [rule for rule in RULES if rule.explains(token, oracle, verdict.reason)]

    def _find(self, what: str, specimen: Specimen, where: str) -> None:
        self.tally.findings.append(Finding(what, specimen, where))


def _unexplained(oracle: str, other: Verdict, verdict: Verdict) -> str:
    if verdict.accepted:
        return f"the guard lets in what {oracle} refuses ({other.reason})"
    return f"the guard refuses ({verdict.reason}) what {oracle} lets in"
