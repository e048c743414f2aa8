"""What the cases ask of a recipe, whatever engine is below it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.engines.project import BAKE, Version

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.engines.project import Deployed, Ended

HEALTHY, ROLLED_BACK, LOST = 0, 6, 7
GOOD = (Version("1.0.0"), Version("1.1.0"))


class Wrong(Enum):
    """How the version 1.2.0 of a case goes wrong."""

    CRASHES = "crash loop"
    OLD_ANSWERS = "healthy, but the old version answers"
    ONE_OF_THREE = "one of three replicas answers with another commit"
    FAILS_LATER = "failing after a while"


IMAGES: Mapping[Wrong, Version] = {
    Wrong.CRASHES: Version("1.2.0", {"SHOP_END_AFTER": "0s"}),
    Wrong.OLD_ANSWERS: Version("1.2.0", built_of="1.0.0"),
    Wrong.ONE_OF_THREE: Version("1.2.0", {"SHOP_STALE_ONE_OF": "3"}),
    Wrong.FAILS_LATER: Version("1.2.0", {"SHOP_FAIL_AFTER": "12s"}),
}
"""What is built into an image that goes wrong."""

IMAGE_GONE = "the image of the rollback is gone"


class Place(ABC):
    """Where a recipe deploys to, with a project that has two good releases and what a case adds."""

    def __init__(self, here: Deployed) -> None:
        self.here = here

    def first(self) -> None:
        """Have the first version running and proven."""
        assert self.here.deploy("1.0.0").code == HEALTHY, self.here.story()

    def agree(self, version: str) -> None:
        """Insist that ledger, engine and checks name the same version."""
        assert self.here.live() == self.here.commit(version), self.here.story()
        assert set(self.runs()) == {self.named(version)}
        assert self.here.verify().code == HEALTHY

    def refused(self, ended: Ended) -> None:
        """Insist that a deployment without a right was no good, and that the version before is proven again."""
        assert ended.code != HEALTHY
        self.here.reconcile()
        if ended.code == LOST:  # the engine could not be asked either, so a person says what to do
            assert self.here.rollback().code == HEALTHY
        self.agree("1.0.0")

    def named(self, version: str) -> str:
        """What the engine calls a version: by its image, where it has one."""
        return self.here.references[version]

    @abstractmethod
    def settle(self) -> None:
        """Wait until what a killed run left running over there has ended."""

    @abstractmethod
    def runs(self) -> Collection[str]:
        """What the engine runs, each as `named` names it."""

    @abstractmethod
    def state(self) -> object:
        """What is another one as soon as anything was replaced."""

    @abstractmethod
    def restart(self) -> None:
        """Restart the node, or the daemon of the engine."""

    @abstractmethod
    def expired(self) -> Mapping[str, str]:
        """Credentials that are not valid any more."""

    @abstractmethod
    def forget(self, version: str) -> None:
        """Remove the image of a version from wherever it is."""


class Recipe(ABC):
    """A recipe on its engine; `lacks` says why a case can't be put to it."""

    name: ClassVar[str]
    engine: ClassVar[str]
    secret: ClassVar[str]
    lacks: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def place(self, folder: Path, wrong: Wrong | None = None, *, bake: str = BAKE) -> AbstractContextManager[Place]:
        """A new place; with `wrong` there is a third release, 1.2.0."""


def case(recipe: type[Recipe], text: str) -> pytest.MarkDecorator:
    """Name a case of a recipe, for its row in the table."""
    return pytest.mark.case(recipe.name, text, recipe.engine)
