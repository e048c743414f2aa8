"""An attempt to bring one commit to one environment: what is known before it, and what it came to."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from release_tool.deploy import policy
from release_tool.deploy.command import Delivery
from release_tool.deploy.ledger.model import Kind, Payload, live
from release_tool.deploy.ledger.store import Deployments
from release_tool.deploy.manual import by_hand
from release_tool.deploy.preconditions import best_way_back, changes_to, facts_before

if TYPE_CHECKING:
    from release_tool.deploy.candidates import Deployable, Wanted
    from release_tool.deploy.environment import Place
    from release_tool.deploy.health.verdict import Sample
    from release_tool.deploy.ledger.model import Deployment, Ledger
    from release_tool.deploy.ledger.writer import Book
    from release_tool.deploy.policy import Decision
    from release_tool.deploy.preconditions import Asked
    from release_tool.history.changes import Change


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deployed:
    """What a deployment came to.

    `outcome` is `healthy`, `rolled_back`, `unhealthy`, `inconclusive`, `refused`, `held`, `superseded` or `unchanged`,
    and `goes` in a preview. `before` and `live` name what was live before and what is now, None where nobody knows.
    `ways_out` are the overrides that a refused person could give; `incident` is the address of its issue.
    """

    environment: str
    outcome: str
    reason: str
    version: str = ""
    commit: str = ""
    before: str | None = None
    live: str | None = None
    rolled_back_to: str | None = None
    deployment: int | None = None
    samples: tuple[Sample, ...] = ()
    ways_out: tuple[str, ...] = ()
    by_hand: str = ""
    evidence: str = ""
    incident: str = ""
    changes: tuple[Change, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One commit on its way to one environment; a rollback also knows what it `leaves`."""

    place: Place
    book: Book
    deployable: Deployable
    wanted: Wanted
    kind: Kind
    asked: Asked
    leaves: Deployment | None = None
    before: str | None = None

    def decide(self) -> Decision:
        """Whether it may go, by all that is known now."""
        return policy.may_deploy(self.facts())

    def payload(self, decision: Decision) -> Payload:
        """What the ledger is told of it from the start."""
        return Payload(
            commit=self.wanted.commit,
            name=self.wanted.name,
            kind=self.kind,
            automatic=self.asked.automatic,
            owner=self.book.owner,
            by=self.asked.by,
            reason=self.place.masker()(self.asked.reason),
            references=self.references,
            parent=self.leaves.id if self.leaves else None,
            overrides=decision.overrides,
        )

    @functools.cached_property
    def references(self) -> dict[str, str]:
        """What was built of the commit; a rollback takes what was proven with it, and builds nothing."""
        proofs = [one for one in self.book.ledger if one.commit == self.wanted.commit and one.proven]
        if proofs and self.kind is Kind.ROLLBACK:
            return proofs[-1].payload.references
        return self.deployable.references(self.wanted)

    def told(self, outcome: str, reason: str, entry: Deployment | None = None) -> Deployed:
        """What it came to, with what is live now."""
        return Deployed(
            environment=self.place.name,
            outcome=outcome,
            reason=reason,
            version=self.wanted.name,
            commit=self.wanted.commit,
            before=self.before,
            live=live_name(self.book.ledger),
            deployment=entry.id if entry else None,
        )

    def with_context(self, told: Deployed) -> Deployed:
        """The same with what changes by it, and the way by hand to it and back."""
        now = live(self.book.ledger).commit
        changes = changes_to(self.deployable, now, self.wanted.commit) if now else ()
        return dataclasses.replace(told, changes=changes, by_hand=self.manual())

    def manual(self) -> str:
        """What to type, should GitHub be down: for this commit, and for the last known good."""
        title = f"{self.wanted.name} to {self.place.name} by hand"
        texts = [_manual(self.place, self.wanted, self.references, self.kind, title)]
        back = best_way_back(self.deployable, self.book.ledger, self.wanted.commit).choice
        if back and self.kind is Kind.DEPLOY:
            known, references = self.deployable.named(back.commit), back.payload.references
            title = f"back to {back.payload.name}"
            texts.append(_manual(self.place, known, references, Kind.ROLLBACK, title))
        after = f"release-tool deploy VERSION -e {self.place.name} --record"
        return "\n\n".join([*texts, f"# afterwards, so that the ledger knows\n{after}"])

    def facts(self) -> policy.Facts:
        """What the decision is made by."""
        environments = self.place.project.config.environments
        needed = policy.requirements(environments, self.place.name, automatic=self.asked.automatic)
        others = self.place.project.remote.adapter(Deployments).ledgers(needed) if self.kind is Kind.DEPLOY else {}
        return facts_before(
            self.place,
            self.deployable,
            self.wanted,
            self.asked,
            {**others, self.place.name: self.book.ledger},
            kind=self.kind,
            leaves=self.leaves,
        )


def live_name(ledger: Ledger) -> str | None:
    """What is live, by its name."""
    deployment = live(ledger).deployment
    return deployment.payload.name if deployment else None


def _manual(place: Place, wanted: Wanted, references: dict[str, str], kind: Kind, title: str) -> str:
    goes_back = kind is Kind.ROLLBACK
    argv = (goes_back and place.settings.rollback_command) or place.settings.command
    steps = [
        Delivery(
            version=wanted.name,
            commit=wanted.commit,
            tag=wanted.tag,
            environment=place.name,
            target=target.name,
            target_url=target.url,
            kind="rollback" if goes_back else "deploy",
            references=references,
        ).variables
        for target in place.targets
    ]
    mask = place.masker()
    return mask(by_hand(title, wanted.commit, [(argv, told) for told in steps], place.settings.pass_env))
