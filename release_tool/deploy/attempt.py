"""An attempt to bring one commit to one environment: what is known before it, and what it came to."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from release_tool.deploy import policy
from release_tool.deploy.command import CommandInput
from release_tool.deploy.ledger.model import DeploymentKind, Payload, live
from release_tool.deploy.ledger.store import deployments_of
from release_tool.deploy.manual import by_hand
from release_tool.deploy.preconditions import best_rollback_target, changes_to, facts_before
from release_tool.history.trust import summed_up

if TYPE_CHECKING:
    from release_tool.deploy.candidates import Revision, RevisionResolver
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.health.verdict import Sample
    from release_tool.deploy.ledger.model import Deployment, Ledger
    from release_tool.deploy.ledger.writer import LedgerWriter
    from release_tool.deploy.policy import DeployDecision
    from release_tool.deploy.preconditions import DeployRequest
    from release_tool.history.changes import Change


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeployResult:
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

    environment: DeployEnvironment
    writer: LedgerWriter
    revisions: RevisionResolver
    revision: Revision
    kind: DeploymentKind
    request: DeployRequest
    leaves: Deployment | None = None
    before: str | None = None

    def decide(self) -> DeployDecision:
        """Whether it may go, by all that is known now."""
        return policy.may_deploy(self.facts())

    def payload(self, decision: DeployDecision) -> Payload:
        """What the ledger is told of it from the start."""
        return Payload(
            commit=self.revision.commit,
            name=self.revision.name,
            kind=self.kind,
            automatic=self.request.automatic,
            owner=self.writer.owner,
            by=self.request.by,
            reason=self.environment.masker()(self.request.reason),
            references=self.references,
            parent=self.leaves.id if self.leaves else None,
            overrides=decision.overrides,
        )

    @functools.cached_property
    def references(self) -> dict[str, str]:
        """What was built of the commit; a rollback takes what was proven with it, and builds nothing."""
        proofs = [one for one in self.writer.ledger if one.commit == self.revision.commit and one.proven]
        proven = proofs[-1].payload.references if proofs and self.kind is DeploymentKind.ROLLBACK else None
        found = self.revisions.references(self.revision, proven)
        for one in summed_up(found.ignored):
            self.environment.project.say(f"passed over: {one}")
        return found.known

    def result(self, outcome: str, reason: str, entry: Deployment | None = None) -> DeployResult:
        """What it came to, with what is live now."""
        return DeployResult(
            environment=self.environment.name,
            outcome=outcome,
            reason=reason,
            version=self.revision.name,
            commit=self.revision.commit,
            before=self.before,
            live=live_name(self.writer.ledger),
            deployment=entry.id if entry else None,
        )

    def with_context(self, result: DeployResult) -> DeployResult:
        """The same with what changes by it, and the way by hand to it and back."""
        now = live(self.writer.ledger).commit
        changes = changes_to(self.revisions, now, self.revision.commit) if now else ()
        return dataclasses.replace(result, changes=changes, by_hand=self.manual())

    def manual(self) -> str:
        """What to type, should GitHub be down: for this commit, and for the last known good."""
        title = f"{self.revision.name} to {self.environment.name} by hand"
        texts = [_manual(self.environment, self.revision, self.references, self.kind, title)]
        back = best_rollback_target(self.revisions, self.writer.ledger, self.revision.commit).choice
        if back and self.kind is DeploymentKind.DEPLOY:
            known, references = self.revisions.named(back.commit), back.payload.references
            title = f"back to {back.payload.name}"
            texts.append(_manual(self.environment, known, references, DeploymentKind.ROLLBACK, title))
        after = f"release-tool deploy VERSION -e {self.environment.name} --record"
        return "\n\n".join([*texts, f"# afterwards, so that the ledger knows\n{after}"])

    def facts(self) -> policy.DeployFacts:
        """What the decision is made by."""
        environments = self.environment.project.config.environments
        needed = policy.requirements(environments, self.environment.name, automatic=self.request.automatic)
        others = deployments_of(self.environment.project).ledgers(needed) if self.kind is DeploymentKind.DEPLOY else {}
        return facts_before(
            self.environment,
            self.revisions,
            self.revision,
            self.request,
            {**others, self.environment.name: self.writer.ledger},
            kind=self.kind,
            leaves=self.leaves,
        )


def live_name(ledger: Ledger) -> str | None:
    """What is live, by its name."""
    deployment = live(ledger).deployment
    return deployment.payload.name if deployment else None


def _manual(
    environment: DeployEnvironment, revision: Revision, references: dict[str, str], kind: DeploymentKind, title: str
) -> str:
    goes_back = kind is DeploymentKind.ROLLBACK
    argv = (goes_back and environment.settings.rollback_command) or environment.settings.command
    steps = [
        CommandInput(
            version=revision.name,
            commit=revision.commit,
            tag=revision.tag,
            environment=environment.name,
            target=target.name,
            target_url=target.url,
            kind="rollback" if goes_back else "deploy",
            references=references,
        ).variables
        for target in environment.targets
    ]
    mask = environment.masker()
    return mask(by_hand(title, revision.commit, [(argv, result) for result in steps], environment.settings.pass_env))
