"""`paywright settings` shows what is in force, and never a secret."""

import pytest

from paywright.cli.settings_view import show_settings
from paywright.settings import Settings

SECRETS = (
    *("encryption_key", "sms_api_secret", "partner_bank_token", "partner_bank_webhook_secret"),
    *("backup_bank_token", "kyc_provider_token", "stripe_api_key", "stripe_webhook_secret"),
    *("stripe_backup_api_key", "summary_llm_key", "redis_url", "smtp_url"),
)


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "table"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_only_told_to_be_set(
    name: str, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    show_settings(Settings(**{name: "hunter2hunter2"}), as_json=as_json)
    told = capsys.readouterr().out
    assert "hunter2" not in told
    assert "(set)" in told
