"""Many tampered tokens before the guard, PyJWT and joserfc, as one command:

    python -m tests.attack.differential.fuzz --tokens 20000
    python -m tests.attack.differential.fuzz --seed 6 --first 769 --tokens 1

The second form makes one token again, from what a failure says. It prints the
table of rules with the number of differences that each explains, and fails where the guard and a
library differ without a rule.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Iterable
from random import Random
from secrets import randbits

from rich.console import Console
from rich.progress import Progress

from tests.attack.differential.comparison import Comparison, Specimen, Tally
from tests.attack.differential.mutator import Mutator
from tests.attack.differential.oracles import Verdict, standing_still
from tests.attack.differential.rules import RULES
from tests.attack.differential.stage import Stage

DEFAULT_SEED = 6
DEFAULT_TOKENS = 20_000

#: After so many tokens come new guards, who are asked about the same tokens in another order.
CHUNK = 500


async def fuzz(
    stage: Stage, seed: int, numbers: range, progress: Callable[[int], None] = lambda _: None
) -> Tally:
    """Compare the tokens of a seed with these numbers, each of them three times.

    A token is judged twice by a guard that judges others between, so a cache has its chance, and
    once more by guards that have seen none of them.
    """
    comparison = Comparison(stage)
    mutator = Mutator(stage, seed)
    with standing_still(stage.clock):
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            await _compare(comparison, mutator, chunk)
            progress(len(chunk))
    return comparison.tally


async def _compare(comparison: Comparison, mutator: Mutator, numbers: range) -> None:
    judged: list[tuple[int, Specimen, Verdict]] = []
    for number in numbers:
        specimen = mutator.specimen(number)
        verdict = await comparison.judge(specimen, _where(mutator.seed, number))
        if verdict is not None:
            judged.append((number, specimen, verdict))
    comparison.renew()
    Random(numbers.start).shuffle(judged)
    for number, specimen, verdict in judged:
        await comparison.confirm(specimen, verdict, _where(mutator.seed, number))


def _where(seed: int, number: int) -> str:
    return f"seed {seed}, token {number}"


def report(tally: Tally) -> str:
    """Return the outcome as Markdown."""
    return "\n".join((*_summary(tally), "", *_table(tally), "", *problems(tally)))


def _summary(tally: Tally) -> Iterable[str]:
    refused = ", ".join(f"{reason} {count:,}" for reason, count in sorted(tally.refused.items()))
    yield f"{tally.tokens:,} tokens: {tally.accepted:,} let in; refused: {refused}."


def _table(tally: Tally) -> Iterable[str]:
    yield "| difference | guard | decides otherwise | differences | source |"
    yield "|---|---|---|---|---|"
    for rule in RULES:
        guard = rule.refusal.reason if rule.refusal else "lets in"
        others = ", ".join(sorted(rule.oracles))
        yield f"| {rule.name} | {guard} | {others} | {tally.rules[rule.name]:,} | {rule.source} |"
    yield f"| several of these at once | | | {tally.several:,} | |"


def _failures(tally: Tally, most: int = 10) -> Iterable[str]:
    for finding in tally.findings[:most]:
        yield str(finding)
    if len(tally.findings) > most:
        yield f"and {len(tally.findings) - most} more"


def problems(tally: Tally) -> list[str]:
    """Return what speaks against the guard, or against the rules."""
    unused = [f"no token needs the rule {name!r}" for name in tally.unused_rules]
    return [*_failures(tally), *unused]


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Compare the guard with PyJWT and joserfc.")
    parser.add_argument("--tokens", type=int, default=DEFAULT_TOKENS)
    parser.add_argument("--seed", type=int, help="default: another one each time")
    parser.add_argument("--first", type=int, default=0, help="the number of the first token")
    given = parser.parse_args(arguments)
    # Every new guard says again which of the published keys are unfit.
    logging.getLogger("kinde_guard.keys").setLevel(logging.ERROR)
    seed = randbits(32) if given.seed is None else given.seed
    tally = with_progress(Stage(), seed, range(given.first, given.first + given.tokens))
    print(report(tally))
    return 1 if tally.findings else 0


def with_progress(stage: Stage, seed: int, numbers: range) -> Tally:
    """Fuzz with a progress bar on standard error, which also says how to repeat it."""
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(f"seed {seed}", total=len(numbers))
        return asyncio.run(fuzz(stage, seed, numbers, lambda done: bar.advance(task, done)))


if __name__ == "__main__":
    sys.exit(main())
