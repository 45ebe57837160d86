"""Where addresses and tokens live: a file that only its user can read, and the environment.

`JALI_URL`, `JALI_TOKEN` and `JALI_PROFILE` name a node, a token and a profile; `JALI_CONFIG` names another
folder for the file.
"""

import json
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs
from pydantic import ConfigDict, TypeAdapter, ValidationError

from jali import errors

DEFAULT = "default"
_FILE = "profiles.json"


@dataclass(frozen=True)
class Profile:
    """One node's address, the token for it, and the private certificate authority if it has one."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    url: str
    token: str | None = field(default=None, repr=False)
    ca: str | None = None


_STORED = TypeAdapter(dict[str, Profile])


def path() -> Path:
    """Return where profiles are kept."""
    folder = os.environ.get("JALI_CONFIG")
    return (Path(folder) if folder else platformdirs.user_config_path("jali")) / _FILE


def stored() -> dict[str, Profile]:
    """Return all stored profiles by name.

    Raises:
        ProfileMissing: the file is there, but nobody can read it as profiles.
    """
    try:
        return _STORED.validate_json(path().read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as failure:
        problem = _said(failure) if isinstance(failure, ValidationError) else failure.strerror
        # `from None`: a validation error shows its input, and the input holds tokens
        raise errors.ProfileMissing(f"cannot read {path()}: {problem}; `jali login` again") from None


def _said(failure: ValidationError) -> str:
    """Return where the file is wrong, and how; not what stands there."""
    first = failure.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "unexpected_keyword_argument":
        return f"{'.'.join(map(str, first['loc']))}: there is no such field"
    return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))


def store(name: str, profile: Profile) -> Path:
    """Write a profile under a name, readable by this user alone (mode 0600), and return the file's path."""
    return _write(stored() | {name: profile})


def _write(profiles: dict[str, Profile]) -> Path:
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = json.dumps(_STORED.dump_python(profiles, mode="json"), indent=2, sort_keys=True)
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=_FILE)  # created with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content + "\n")
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return target


def forget(name: str) -> Profile:
    """Remove a profile, and return what it was.

    Raises:
        ProfileMissing: there is none of that name.
    """
    gone = _named(name)
    _write({kept: profile for kept, profile in stored().items() if kept != name})
    return gone


def settled(
    url: str | None = None, token: str | None = None, name: str | None = None, ca: str | Path | None = None
) -> Profile:
    """Return the profile that the arguments, the environment and the file make together.

    A given profile name wins over the environment, a given address over both; without either, `JALI_URL`,
    then `JALI_PROFILE`, then the profile "default", then the only one there is. A stored token is used only
    for the address that it is stored with; `JALI_TOKEN` stands in where no profile was named by argument.

    Raises:
        ProfileMissing: no address is known, or no profile has the name.
    """
    if name is not None:
        found = _named(name)
        if url is not None and url.rstrip("/") != found.url:
            found = Profile(url)
    else:
        found = _unnamed(url or os.environ.get("JALI_URL"))
        found = replace(found, token=os.environ.get("JALI_TOKEN") or found.token)
    return replace(found, token=token or found.token, ca=str(ca) if ca is not None else found.ca)


def _unnamed(url: str | None) -> Profile:
    profiles = stored()
    if url is not None:
        same = [profile for profile in profiles.values() if profile.url == url.rstrip("/")]
        return same[0] if same else Profile(url)
    chosen = os.environ.get("JALI_PROFILE")
    if chosen:
        return _named(chosen)
    if DEFAULT in profiles:
        return profiles[DEFAULT]
    if len(profiles) == 1:
        return next(iter(profiles.values()))
    if profiles:
        raise errors.ProfileMissing(f"several profiles are stored: choose one of {', '.join(sorted(profiles))}")
    raise errors.ProfileMissing("no node is known: give url= and token=, or run `jali login` first")


def _named(name: str) -> Profile:
    profiles = stored()
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise errors.ProfileMissing(f"no profile {name!r} (stored: {known}); run `jali login --profile {name}`")
    return profiles[name]
