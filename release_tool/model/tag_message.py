"""The message of a tag that the tool makes: who claimed it, for what, and how that is read back."""

from __future__ import annotations

import re

from release_tool.model.tags import Owner
from release_tool.text.visible import visible

_TRAILER = "Release-Tool-Owner"
_ASSETS = "Release-Tool-Assets"
_SPACE = r"\s"
_NUMBER = r"[0-9]{1,18}"
_FIELD = r"(?P<key>[a-z]+)=(?P<value>\S+)"


def tag_message(tag: str, reason: str, owner: Owner, assets: int | None) -> str:
    """Write the message of a tag, which says why there is a release.

    `assets` is how many files will be uploaded, None where that is not known yet.
    """
    lines = [tag, "", visible(reason)]
    trailers = [f"{_TRAILER}: {_fields(owner)}"]
    if assets is not None:
        trailers.append(f"{_ASSETS}: {assets}")
    return "\n".join([*lines, "", *trailers]) + "\n"


def owner_of(message: str) -> Owner | None:
    """Read who claimed a tag from its message, or None where the tool did not make it."""
    value = _trailer(message, _TRAILER)
    if value is None:
        return None
    fields = {match["key"]: match["value"] for match in re.finditer(_FIELD, value)}
    return Owner(
        run=_number(fields.get("run")),
        attempt=_number(fields.get("attempt")),
        job=fields.get("job", ""),
        host=fields.get("host", ""),
        user=fields.get("user", ""),
        process=_number(fields.get("process")),
        started=fields.get("started", ""),
    )


def assets_of(message: str) -> int | None:
    """Read how many files the release of a tag was to have, or None where its message does not say."""
    value = _trailer(message, _ASSETS)
    return _number(value) if value else None


def _trailer(message: str, name: str) -> str | None:
    """Read a trailer from the last paragraph, where text of users never stands."""
    last = message.strip().rpartition("\n\n")[2]
    found = (line.partition(": ") for line in last.splitlines())
    return next((value.strip() for key, _, value in found if key == name), None)


def _fields(owner: Owner) -> str:
    if owner.run:
        fields = {"run": owner.run, "attempt": owner.attempt, "job": owner.job}
    else:
        fields = {"host": owner.host, "user": owner.user, "process": owner.process, "started": owner.started}
    return " ".join(f"{key}={re.sub(_SPACE, '_', str(value))}" for key, value in fields.items() if value)


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch(_NUMBER, text) else 0
