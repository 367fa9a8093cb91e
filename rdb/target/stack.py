"""The target stack: at most one target in each stratum, the highest on top."""

from __future__ import annotations

from collections.abc import Iterator

from rdb.target.base import NOTHING, Stratum, Target


class TargetStack:
    """An ordered pile of targets; iterating goes from the top down."""

    def __init__(self) -> None:
        self._strata: dict[Stratum, Target] = {}

    def __iter__(self) -> Iterator[Target]:
        return iter([self._strata[stratum] for stratum in sorted(self._strata, reverse=True)])

    @property
    def top(self) -> Target:
        """The target that answers first; the dummy if the stack is empty."""
        return next(iter(self), NOTHING)

    def at(self, stratum: Stratum) -> Target | None:
        return self._strata.get(stratum)

    def push(self, target: Target) -> None:
        """Put a target into its stratum; what was there is closed."""
        self.remove(target.stratum)
        self._strata[target.stratum] = target
        self._relink()

    def remove(self, stratum: Stratum) -> None:
        """Take the target of a stratum off the stack, if there is one, and close it."""
        target = self._strata.pop(stratum, None)
        self._relink()
        if target is not None:
            target.set_beneath(None)
            target.close()

    def _relink(self) -> None:
        pile = list(self)
        for target, beneath in zip(pile, [*pile[1:], None]):
            target.set_beneath(beneath)
