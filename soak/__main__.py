"""The command: many random runs with faults, or flows one after the other on one cluster."""

from __future__ import annotations

import logging
import signal
import sys
import time
from dataclasses import replace

import click

from soak import steady
from soak.cases import CHOICES, Case, draw_case
from soak.report import failure, legend, line, table
from soak.trial import Trial, Verdict, hang_of
from soak.world import World


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def attempt(world: World, case: Case) -> Verdict:
    """Run a case; once more with the fault at the very beginning, where it came too late."""
    try:
        verdict = Trial(world, case).run()
        if not verdict.inflicted and not verdict.problems:
            early = replace(case.blows[0], after=1, pause=0.0)
            verdict = Trial(world, replace(case, blows=(early, *case.blows[1:]))).run()
        return verdict
    except (OSError, RuntimeError) as error:
        world.drop_cluster()
        return hang_of(case, error)


def soak(seeds: range, only: str | None) -> list[Verdict]:
    """Run the cases of some seeds, and say of each how it went; until Ctrl-C or SIGTERM."""
    verdicts = []
    with World() as world:
        click.echo(f"The full disk is {world.disk.described}.")
        try:
            for seed in seeds:
                verdict = attempt(world, draw_case(seed, only))
                verdicts.append(verdict)
                click.echo(line(verdict))
                if verdict.problems:
                    click.echo(failure(verdict))
        except KeyboardInterrupt:
            click.echo(f"Interrupted after {len(verdicts)} of {len(seeds)} runs.")
    return verdicts


def stay_steady(minutes: float) -> int:
    """Run flows for so long, and print how memory and open files went; the exit status."""
    found, count = steady.measure(minutes)
    click.echo(steady.table(found, minutes))
    names = steady.grown(found, minutes)
    click.echo(f"\n{count} flows; grown after the warm-up: {', '.join(names) or 'none'}")
    return 1 if names else 0


@click.command()
@click.option("--seed", type=int, default=0, show_default=True, help="The first seed.")
@click.option("--runs", type=click.IntRange(1), default=500, show_default=True)
@click.option("--only", type=click.Choice(list(CHOICES)), help="Only this kind of fault.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.1),
    help="Run flows without faults for so long instead, and see whether processes grow.",
)
def main(seed: int, runs: int, only: str | None, minutes: float | None) -> None:
    """Hurt random runs at random moments, and see whether what is promised holds."""
    # an end by `kill` or `timeout` leaves nothing behind either
    signal.signal(signal.SIGTERM, _interrupt)
    # clients of the store live as long as this process, and complain of that at its end
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    if minutes is not None:
        sys.exit(stay_steady(minutes))
    began = time.monotonic()
    verdicts = soak(range(seed, seed + runs), only)
    missed = sum(not verdict.inflicted for verdict in verdicts)
    click.echo(f"\n{table(verdicts)}\n\n{legend()}")
    click.echo(
        f"\n{len(verdicts)} runs in {(time.monotonic() - began) / 60:.1f} minutes; "
        f"{missed} ended before their fault came."
    )
    failed = [verdict for verdict in verdicts if verdict.problems]
    if failed:
        click.echo("\nFailed, to be done again one by one:")
        for verdict in failed:
            click.echo(f"  {verdict.case.replay}")
    sys.exit(1 if failed or missed or len(verdicts) < runs else 0)


if __name__ == "__main__":
    main()
