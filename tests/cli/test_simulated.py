"""Commands beside `paywright up` know the providers that it simulates, and only those."""

from pathlib import Path

from paywright.cli.simulated import publish_simulated, with_simulated, withdraw_simulated
from paywright.settings import Settings

FOUND = {
    "PARTNER_BANK_URL": "http://127.0.0.1:1/bank/v1",
    "PARTNER_BANK_TOKEN": "simulator",
    "STRIPE_API_KEY": "sk_test_simulator",
}


def test_they_are_known_while_it_runs(tmp_path: Path) -> None:
    settings = Settings(paywright_data_dir=tmp_path)
    assert with_simulated(settings) == settings
    publish_simulated(settings, FOUND)
    found = with_simulated(settings)
    assert found.partner_bank_url == FOUND["PARTNER_BANK_URL"]
    assert found.stripe_api_key == FOUND["STRIPE_API_KEY"]
    assert (tmp_path / "simulated-providers").stat().st_mode & 0o777 == 0o600
    withdraw_simulated(settings)
    assert with_simulated(settings) == settings
    withdraw_simulated(settings)


def test_what_is_set_wins_and_production_knows_none(tmp_path: Path) -> None:
    settings = Settings(paywright_data_dir=tmp_path, stripe_api_key="sk_live_ours")
    publish_simulated(settings, FOUND)
    assert with_simulated(settings).stripe_api_key == "sk_live_ours"
    production = Settings(
        environment="production",
        paywright_data_dir=tmp_path,
        database_url="postgresql://u:p@h/d",
        encryption_key="0" * 64,
    )
    assert with_simulated(production) == production


def test_a_file_cut_short_is_no_settings(tmp_path: Path) -> None:
    settings = Settings(paywright_data_dir=tmp_path)
    (tmp_path / "simulated-providers").write_text('{"STRIPE')
    assert with_simulated(settings) == settings
