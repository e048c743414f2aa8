"""An attempt to deploy one commit to one environment: what is known before it, and its result."""

from __future__ import annotations

import dataclasses
import functools
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy import policy
from release_tool.deploy.freeze import frozen_until
from release_tool.deploy.halts.model import KEPT_OF_A_REASON
from release_tool.deploy.health.verdict import Sample
from release_tool.deploy.ledger.model import Deployment, DeploymentKind, Payload, live
from release_tool.deploy.ledger.store import deployments_of
from release_tool.deploy.manual import by_hand
from release_tool.deploy.our_workflows import told_next_look
from release_tool.deploy.policy import DeployOutcome
from release_tool.deploy.preconditions import best_rollback_target, facts_before, halted
from release_tool.deploy.rollout import Rollout
from release_tool.history.changes import Change
from release_tool.history.trust import summed_up
from release_tool.text.typed import word
from release_tool.text.visible import shortened

if TYPE_CHECKING:
    from release_tool.deploy.candidates import Revision, RevisionResolver
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.model import Ledger
    from release_tool.deploy.ledger.writer import LedgerWriter
    from release_tool.deploy.policy import DeployDecision
    from release_tool.deploy.preconditions import DeployRequest


class DeployResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a deployment.

    `outcome` is `goes` in a preview alone. `before` and `live` name what was live before and what is now, None where
    it is unknown. `blameless` says that it was rolled back because a run was interrupted, and may be deployed again.
    `ways_out` are the overrides that a refused person could give; `incident` is the address of its issue. `then` says
    when a blocked deployment is tried again, and `watched_until` how long it is to be measured after its bake.
    """

    environment: str
    outcome: DeployOutcome
    reason: str
    version: str = ""
    commit: str = ""
    before: str | None = None
    live: str | None = None
    rolled_back_to: str | None = None
    blameless: bool = False
    deployment: int | None = None
    samples: tuple[Sample, ...] = ()
    ways_out: tuple[str, ...] = ()
    by_hand: str = ""
    evidence: str = ""
    incident: str = ""
    changes: tuple[Change, ...] = ()
    then: str = ""
    watched_until: datetime | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One commit on its way to one environment; a rollback also knows what it `leaves`."""

    environment: DeployEnvironment
    writer: LedgerWriter
    revisions: RevisionResolver
    revision: Revision
    request: DeployRequest
    kind: DeploymentKind = DeploymentKind.DEPLOY
    leaves: Deployment | None = None
    before: str | None

    @classmethod
    def begin(  # noqa: PLR0913 - an attempt is all of these
        cls,
        writer: LedgerWriter,
        revisions: RevisionResolver,
        revision: Revision,
        request: DeployRequest,
        *,
        kind: DeploymentKind = DeploymentKind.DEPLOY,
        leaves: Deployment | None = None,
    ) -> Attempt:
        """The attempt as it begins, with what is live now as what was live before."""
        return cls(
            environment=writer.environment,
            writer=writer,
            revisions=revisions,
            revision=revision,
            request=request,
            kind=kind,
            leaves=leaves,
            before=live_name(writer.ledger),
        )

    def rollout(self, entry: Deployment | None = None) -> Rollout:
        """Its rollout to every target; without an entry in the ledger it writes nothing."""
        unwritten = Deployment(id=0, payload=self.payload(), created=self.environment.project.clock.now())
        return Rollout(
            environment=self.environment,
            writer=self.writer,
            revisions=self.revisions,
            entry=entry or unwritten,
            tag=self.revision.tag,
            targets=self.environment.targets,
            request=self.request,
        )

    def decide(self) -> DeployDecision:
        """Decide whether it may proceed, by all that is known now."""
        return policy.may_deploy(self.facts())

    def payload(self, decision: DeployDecision | None = None) -> Payload:
        """What its entry in the ledger says from the start."""
        return Payload(
            commit=self.revision.commit,
            name=self.revision.name,
            kind=self.kind,
            automatic=self.request.automatic,
            owner=self.writer.owner,
            by=self.request.by,
            reason=shortened(self.environment.mask(self.request.reason), KEPT_OF_A_REASON),
            references=self.references,
            parent=self.leaves.id if self.leaves else None,
            overrides=decision.overrides if decision else (),
        )

    @functools.cached_property
    def references(self) -> dict[str, str]:
        """What was built of the commit; a rollback takes what was proven with it, and builds nothing."""
        proofs = [one for one in self.writer.ledger if one.commit == self.revision.commit and one.proven]
        proven = proofs[-1].payload.references if proofs and self.kind is DeploymentKind.ROLLBACK else None
        found = self.revisions.references(self.revision, proven)
        for one in summed_up(found.ignored):
            self.environment.project.say(f"ignored: {one}")
        return found.known

    def result(self, outcome: DeployOutcome, reason: str, entry: Deployment | None = None) -> DeployResult:
        """Its result, with what is live now."""
        return DeployResult(
            environment=self.environment.name,
            outcome=outcome,
            reason=reason,
            version=self.revision.name,
            commit=self.revision.commit,
            before=self.before,
            live=live_name(self.writer.ledger),
            deployment=entry.id if entry else None,
            then=self.then() if outcome is DeployOutcome.HELD else "",
        )

    def then(self) -> str:
        """When it is tried again, where it is blocked."""
        project = self.environment.project
        return told_next_look(project, frozen_until(self.environment.settings.freeze, project.clock.now()))

    def changes(self) -> tuple[Change, ...]:
        """What changes by it on the main branch; nothing where it is unknown what is live."""
        now = live(self.writer.ledger).commit
        return self.revisions.changes(now, self.revision.commit) if now else ()

    def manual(self) -> str:
        """The commands to run by hand if GitHub is down: for this commit, and for the last known good."""
        name = self.environment.name
        texts = [self._by_hand(f"{self.revision.name} to {name} by hand")]
        back = best_rollback_target(self.revisions, self.writer.ledger, self.revision.commit).choice
        if back and self.kind is DeploymentKind.DEPLOY:
            known = self.revisions.named(back.commit)
            rollback = dataclasses.replace(self, revision=known, kind=DeploymentKind.ROLLBACK)
            texts.append(rollback._by_hand(f"back to {back.payload.name}"))  # noqa: SLF001 - one of our own kind
        after = f"release-tool deploy VERSION -e {word(name)} --record"
        return "\n\n".join([*texts, f"# afterwards, so that the ledger knows\n{after}"])

    def _by_hand(self, title: str) -> str:
        rollout, mask = self.rollout(), self.environment.mask
        steps = [(rollout.argv, rollout.command_input(target).variables) for target in rollout.targets]
        return mask(by_hand(title, self.revision.commit, steps, self.environment.settings.pass_env))

    def facts(self) -> policy.DeployFacts:
        """The facts that the decision is based on."""
        project, name = self.environment.project, self.environment.name
        deploys = self.kind is DeploymentKind.DEPLOY
        needed = policy.requirements(project.config.environments, name, automatic=self.request.automatic)
        others = deployments_of(project).ledgers(needed) if deploys else {}
        return facts_before(
            self.revisions,
            self.revision,
            self.request,
            name,
            {**others, name: self.writer.ledger},
            halted=halted(self.environment, self.request, self.kind),
            kind=self.kind,
            leaves=self.leaves,
        )


def live_name(ledger: Ledger) -> str | None:
    """What is live, by its name."""
    deployment = live(ledger).deployment
    return deployment.payload.name if deployment else None
