"""Show the settings in force."""

from paywright.cli.console import out, print_json, print_table
from paywright.settings import Settings

# By how they are named, so that none is forgotten.
_SECRET_ENDINGS = ("_key", "_token", "_secret")
_WITH_PASSWORD = ("database_url", "redis_url", "smtp_url")


def show_settings(settings: Settings, *, as_json: bool) -> None:
    values = {
        field.upper(): _shown(field, getattr(settings, field))
        for field in Settings.__struct_fields__
    }
    if as_json:
        print_json(values)
        return
    print_table("", ["Variable", "Value"], [[name, str(value)] for name, value in values.items()])
    out.print("\nEach is an environment variable; .env.example says what it means.")


def _shown(field: str, value: object) -> object:
    if field.endswith(_SECRET_ENDINGS) or field in _WITH_PASSWORD:
        return "(set)" if value else "(not set)"
    return value if isinstance(value, (int, float, str)) else str(value)
