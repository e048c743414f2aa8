"""How the repository is set up: rulesets, environments, and what Actions may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from github_sandbox import views
from github_sandbox.answer import Answer, not_found
from github_sandbox.call import route
from github_sandbox.history import EPOCH
from github_sandbox.store import Ruleset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_sandbox.answer import Document
    from github_sandbox.call import Call
    from github_sandbox.store import Environment

FIRST_RULESET = 101
HEADS, TAGS = "refs/heads/", "refs/tags/"


@route("GET", "{}/rulesets", "metadata:read")
def list_rulesets(call: Call) -> Answer:
    """The rulesets, without their rules."""
    found = [_ruleset(call, number, ruleset) for number, ruleset in _rulesets(call)]
    return call.paged(found, lambda view: {key: view[key] for key in view.keys() - {"rules", "conditions"}})


@route("GET", "{}/rulesets/<number>", "metadata:read")
def get_ruleset(call: Call) -> Answer:
    """One ruleset, with its rules."""
    for number, ruleset in _rulesets(call):
        if number == call.number("number"):
            return Answer(document=_ruleset(call, number, ruleset))
    raise not_found()


@route("GET", "{}/rules/branches/<path:branch>", "metadata:read")
def branch_rules(call: Call) -> Answer:
    """The rules that hold for a branch."""
    ref = f"{HEADS}{call.path['branch']}"
    found = [
        rule | {"ruleset_id": number, "ruleset_source": _source(call), "ruleset_source_type": "Repository"}
        for number, ruleset in _rulesets(call)
        if ruleset.active and call.github.covers(ruleset, ref)
        for rule in _rules(ruleset)
    ]
    return call.paged(found, lambda rule: rule)


def _rulesets(call: Call) -> Iterator[tuple[int, Ruleset]]:
    """The rulesets with their numbers; what is protected counts as one of its own."""
    settings = call.github.settings
    kept = [Ruleset(name=f"Protects {ref}", include=[ref], rules=["update", "creation"]) for ref in settings.protected]
    for one in kept:
        one.target = "tag" if one.include[0].startswith(TAGS) else "branch"
    yield from enumerate([*kept, *settings.rulesets], FIRST_RULESET)


def _ruleset(call: Call, number: int, ruleset: Ruleset) -> Document:
    bypasses = ruleset.bypass or call.caller.may("administration")
    return {
        "id": number,
        "name": ruleset.name,
        "target": ruleset.target,
        "source_type": "Repository",
        "source": _source(call),
        "enforcement": "active" if ruleset.active else "disabled",
        "current_user_can_bypass": "always" if bypasses else "never",
        "node_id": views.node_id("RS", number),
        "conditions": {"ref_name": {"include": ruleset.include, "exclude": ruleset.exclude}},
        "rules": _rules(ruleset),
        "created_at": views.moment(EPOCH),
        "updated_at": views.moment(EPOCH),
    }


def _rules(ruleset: Ruleset) -> list[Document]:
    rules: list[Document] = [{"type": kind} for kind in ruleset.rules]
    if ruleset.checks:
        checks = [{"context": name} for name in ruleset.checks]
        parameters = {"strict_required_status_checks_policy": False, "required_status_checks": checks}
        rules.append({"type": "required_status_checks", "parameters": parameters})
    return rules


def _source(call: Call) -> str:
    return call.github.settings.repository


# environments


@route("GET", "{}/environments", "actions:read")
def list_environments(call: Call) -> Answer:
    """The environments with their protection."""
    found = call.github.settings.environments
    part, headers = call.page(found)
    document = {"total_count": len(found), "environments": [_environment(call, one) for one in part]}
    return Answer(document=document, headers=headers)


@route("GET", "{}/environments/<name>/deployment-branch-policies", "actions:read")
def list_branch_policies(call: Call) -> Answer:
    """The branches that may be deployed from."""
    names = _named(call).branches or []
    part, headers = call.page(names)
    policies = [
        {"id": number, "node_id": views.node_id("BP", number), "name": name, "type": "branch"}
        for number, name in enumerate(part, 1)
    ]
    return Answer(document={"total_count": len(names), "branch_policies": policies}, headers=headers)


@route("GET", "{}/environments/<name>/secrets", "environments:read")
def list_secrets(call: Call) -> Answer:
    """The names of an environment's secrets."""
    return _secrets(call, [*_named(call).secrets])


@route("GET", "{}/actions/secrets", "secrets:read")
def list_shared_secrets(call: Call) -> Answer:
    """The names of the repository's secrets."""
    return _secrets(call, [*call.github.settings.actions.secrets])


def _secrets(call: Call, names: list[str]) -> Answer:
    part, headers = call.page(names)
    began = views.moment(EPOCH)
    secrets = [{"name": name, "created_at": began, "updated_at": began} for name in part]
    return Answer(document={"total_count": len(names), "secrets": secrets}, headers=headers)


def _named(call: Call) -> Environment:
    for environment in call.github.settings.environments:
        if environment.name == call.path["name"]:
            return environment
    raise not_found()


def _environment(call: Call, environment: Environment) -> Document:
    url = views.api(call, f"/environments/{environment.name}")
    page = views.web(call, f"/deployments/activity_log?environments_filter={environment.name}")
    began = views.moment(EPOCH)
    return {
        "id": 1,
        "node_id": views.node_id("EN", environment.name),
        "name": environment.name,
        "url": url,
        "html_url": page,
        "created_at": began,
        "updated_at": began,
        "protection_rules": list(_protection(call, environment)),
        "deployment_branch_policy": _policy(environment),
    }


def _protection(call: Call, environment: Environment) -> Iterator[Document]:
    if environment.wait_timer:
        yield {"id": 1, "node_id": "GA_1", "type": "wait_timer", "wait_timer": environment.wait_timer}
    if environment.reviewers:
        reviewers = [{"type": "User", "reviewer": views.account(call, login)} for login in environment.reviewers]
        rule = {"id": 2, "node_id": "GA_2", "prevent_self_review": False, "reviewers": reviewers}
        yield rule | {"type": "required_reviewers"}
    if _policy(environment):
        yield {"id": 3, "node_id": "GA_3", "type": "branch_policy"}


def _policy(environment: Environment) -> Document | None:
    if environment.branches is None and not environment.protected_only:
        return None
    return {
        "protected_branches": environment.protected_only,
        "custom_branch_policies": not environment.protected_only,
    }


# Actions


@route("GET", "{}/actions/permissions", "administration:read")
def get_permissions(call: Call) -> Answer:
    """Whether Actions runs here, and whose actions."""
    actions = call.github.settings.actions
    if not actions.enabled:
        return Answer(document={"enabled": False})
    return Answer(document={"enabled": True, "allowed_actions": actions.allowed, "sha_pinning_required": False})


@route("GET", "{}/actions/permissions/workflow", "administration:read")
def get_workflow_permissions(call: Call) -> Answer:
    """What a workflow's token may do where its jobs say nothing."""
    actions = call.github.settings.actions
    return Answer(
        document={
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": actions.opens_pulls,
        }
    )
