"""The simulated providers of a running `paywright up`, for commands beside it."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from paywright.cli.private_file import write_private
from paywright.settings import Settings


def publish_simulated(settings: Settings, environment: Mapping[str, str]) -> None:
    """Tell other commands which providers there are, by the settings with which they are found."""
    write_private(_file(settings), msgspec.json.encode(dict(environment)).decode())


def withdraw_simulated(settings: Settings) -> None:
    with suppress(OSError):
        _file(settings).unlink()


def with_simulated(settings: Settings) -> Settings:
    """The settings with those providers, where `up` has set them up and nothing else names them."""
    if settings.environment == "production":
        return settings
    try:
        found = msgspec.json.decode(_file(settings).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return settings
    values = {
        name.lower(): value for name, value in found.items() if not getattr(settings, name.lower())
    }
    return msgspec.structs.replace(settings, **values)


def _file(settings: Settings) -> Path:
    return settings.paywright_data_dir / "simulated-providers"
