"""The endpoints of GitHub's REST interface, one module for each subject."""

from __future__ import annotations

from github_sandbox.rest import actions, deployments, git, issues, pulls, releases, repos, settings

__all__ = ["actions", "deployments", "git", "issues", "pulls", "releases", "repos", "settings"]
