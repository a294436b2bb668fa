"""What is to happen in a run, drawn from its seed alone: what clients ask for, and what goes wrong
meanwhile. The same seed makes the same plan."""

import random
from typing import Any, Literal

import msgspec

CURRENCIES = ("EUR", "EUR", "EUR", "USD", "JPY")  # as often as they are drawn
WALLETS = 3  # of each currency
FAULTS_S = 6.0  # nothing new is asked for, and nothing new goes wrong, after that
PROVIDERS = ("partner_bank", "backup_bank", "stripe", "stripe_backup")
PROCESSES = ("api-0", "api-1", "worker-0", "worker-1", "outside-0", "outside-1")
SIDES = ("bank", "stripe")

_PAYEES = {
    "Nordlicht Bau GmbH": 10,
    "Nordlicht Bau GmbH AC04": 2,
    "Nordlicht Bau GmbH MS03": 1,
    "Nordlicht Bau Later": 3,
    "Nordlicht Bau Returned": 2,
}
_CARDS = {
    "pm_card_visa": 12,
    "pm_card_mastercard": 3,
    "pm_card_chargeDeclined": 2,
    "pm_simulator_decline_insufficient_funds": 1,
    "pm_card_authenticationRequired": 1,
    "pm_simulator_processing": 3,
    "pm_simulator_processing_fails": 2,
}
_CONNECTED = {"acct_1": 3, "acct_2": 2, "acct_simulator_closed": 1, "acct_simulator_missing": 1}


class Manner(msgspec.Struct, frozen=True):
    """How a client asks.

    copies:     the same request so many times at once, at any API
    patience_s: how long it waits for one answer
    tries_max:  after which it gives up for good; 0: never
    reuses_key: asks for something else under the same key, once it was answered
    """

    copies: int
    patience_s: float
    tries_max: int
    reuses_key: bool


class Back(msgspec.Struct, frozen=True):
    """A refund. amount_minor: None: all that is left"""

    amount_minor: int | None
    manner: Manner


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a client wants: its amount is like no other's.

    whom:    the payee's name, the card's token, the connected account
    refunds: of a charge, once it has succeeded; at_once: all of them together
    """

    number: int
    at_s: float
    kind: Literal["payout", "charge", "connect"]
    whom: str
    amount_minor: int
    currency: str
    wallet: int
    manner: Manner
    refunds: tuple[Back, ...] = ()
    at_once: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong, from `at_s` on for so long.

    what: `kill` and `pause` a process, turn the `knobs` of a side of one of the two outsides
          (`0:bank`), keep the `breaker` of a provider open or closed
    """

    at_s: float
    lasts_s: float
    what: Literal["kill", "pause", "knobs", "breaker"]
    whom: str
    knobs: dict[str, Any] = {}
    state: str = ""


class Plan(msgspec.Struct, frozen=True):
    """settings: of our processes, in which one run differs from the next"""

    seed: int
    askings: tuple[Asking, ...]
    steps: tuple[Step, ...]
    settings: dict[str, str] = {}

    def told(self) -> str:
        """For a person: a line for each."""
        things = sorted([*self.askings, *self.steps], key=lambda it: it.at_s)
        lines = [msgspec.json.encode(msgspec.to_builtins(it)).decode() for it in things]
        return "\n".join([f"the plan of seed {self.seed}, with {self.settings}:", *lines])


def plan_of(seed: int, *, payments: int, calm: bool = False) -> Plan:
    """calm: nothing goes wrong, and every client waits for its answer"""
    dice = random.Random(f"{seed}:askings")
    askings = tuple(_asking(dice, number, calm) for number in range(payments))
    if calm:
        return Plan(seed, askings, ())
    dice = random.Random(f"{seed}:steps")
    return Plan(seed, askings, _steps(dice), _settings(dice))


def _settings(dice: random.Random) -> dict[str, str]:
    choices = {
        "PAYMENT_MAX_RETRIES": ("0", "2", "2"),
        "PAYMENT_DEADLINE_MS": ("700", "2000"),
        "CIRCUIT_BREAKER_FAILURE_THRESHOLD": ("3", "6", "1000"),
        "CIRCUIT_BREAKER_FAILURE_RATE": ("0.5", "1.0"),
        "CIRCUIT_BREAKER_PROBES": ("1", "3"),
        "PROVIDER_DRAIN_PER_S": ("20", "200"),
        "QUEUE_CONCURRENCY": ("1", "5"),
        "QUEUE_LEASE_MS": ("1000", "2000"),
    }
    return {name: dice.choice(those) for name, those in choices.items()}


def _asking(dice: random.Random, number: int, calm: bool) -> Asking:
    kind = dice.choices(("payout", "charge", "connect"), (9, 9, 2))[0]
    whom = _drawn(dice, {"payout": _PAYEES, "charge": _CARDS, "connect": _CONNECTED}[kind])
    currency = dice.choice(CURRENCIES)
    # Yen are large; from 5,000 of any currency on, a code would be asked for.
    steps = 0 if currency == "JPY" else dice.randint(0, 20)
    amount_minor = 1_000 + number + 5_000 * steps
    refunds = ()
    if kind == "charge" and dice.random() < 0.7:
        refunds = tuple(
            Back(_part(dice, amount_minor), _manner(dice, calm)) for _ in range(dice.randint(1, 4))
        )
    return Asking(
        number=number,
        at_s=0.0 if calm else round(dice.uniform(0, FAULTS_S), 2),
        kind=kind,
        whom=whom,
        amount_minor=amount_minor,
        currency=currency,
        wallet=dice.randrange(WALLETS),
        manner=_manner(dice, calm),
        refunds=refunds,
        at_once=dice.random() < 0.5,
    )


def _manner(dice: random.Random, calm: bool) -> Manner:
    manner = Manner(
        copies=dice.choices((1, 2, 4), (6, 3, 1))[0],
        patience_s=dice.choice((0.3, 1.5, 10.0, 10.0)),
        tries_max=dice.choices((0, 1, 3), (8, 1, 1))[0],
        reuses_key=dice.random() < 0.2,
    )
    return msgspec.structs.replace(manner, patience_s=10.0, tries_max=0) if calm else manner


def _part(dice: random.Random, whole: int) -> int | None:
    """A refund of 77 cents is late, one of 78 fails: see `simulator/stripe/tokens.py`."""
    kinds = {"rest": 2, "third": 4, "too much": 1, "late": 1, "fails": 1}
    third = whole // 3
    match _drawn(dice, kinds):
        case "rest":
            return None
        case "third":
            return third if third % 100 not in (77, 78) else third - 2
        case "too much":
            return whole + 1
        case "late":
            return third // 100 * 100 + 77
    return third // 100 * 100 + 78


def _steps(dice: random.Random) -> tuple[Step, ...]:
    steps: list[Step] = []
    for outside in (0, 1):
        for side in SIDES:
            steps += _weather(dice, f"{outside}:{side}")
    for process in PROCESSES:
        at_s = dice.uniform(0.2, FAULTS_S)
        # The outside is killed less often than we are.
        while at_s < FAULTS_S and dice.random() < (0.5 if process.startswith("outside") else 0.8):
            lasts_s = round(dice.choice((0.0, 0.3, 1.0, 2.0)), 2)
            what = dice.choices(("kill", "pause"), (3, 1))[0]
            steps.append(Step(at_s=round(at_s, 2), lasts_s=lasts_s, what=what, whom=process))
            at_s += lasts_s + dice.uniform(1.0, 4.0)
    for provider in PROVIDERS:
        if dice.random() < 0.3:
            state = dice.choice(("open", "open", "closed"))
            at_s, lasts_s = round(dice.uniform(0, 4.5), 2), round(dice.uniform(0.2, 1.5), 2)
            steps.append(
                Step(at_s=at_s, lasts_s=lasts_s, what="breaker", whom=provider, state=state)
            )
    return tuple(sorted(steps, key=lambda it: (it.at_s, it.what, it.whom)))


def _weather(dice: random.Random, whom: str) -> list[Step]:
    """One spell after another, with clear sky in between; the last one ends with the faults."""
    steps = []
    at_s = dice.uniform(0, 1.0)
    while at_s < FAULTS_S:
        lasts_s = min(dice.uniform(0.4, 2.5), FAULTS_S - at_s)
        steps.append(
            Step(
                at_s=round(at_s, 2),
                lasts_s=round(lasts_s, 2),
                what="knobs",
                whom=whom,
                knobs=_knobs(dice),
            )
        )
        at_s += lasts_s + dice.choice((0.0, 0.5, 1.5))
    return steps


def _knobs(dice: random.Random) -> dict[str, Any]:
    rate = dice.choice((0.2, 0.5, 0.9, 1.0))
    latency = {"kind": "lognormal", "ms": dice.choice((20, 150, 400)), "sigma": 1.0}
    low = dict.fromkeys(("failure_rate", "drop_rate", "error_after_apply_rate"), 0.12)
    choices: list[dict[str, Any]] = [
        {"failure_rate": rate},
        {"drop_rate": rate},
        {"timeout_after_apply_rate": rate},
        {"timeout_after_apply_rate": rate, "lost_answer": "close"},
        {"error_after_apply_rate": rate},
        {"garbage_rate": rate},
        {"rate_limit_per_s": dice.choice((1, 5, 20)), "retry_after_s": dice.choice((0, 1))},
        {"latency": latency},
        {"decline_rate": rate / 2, "latency": latency},
        {"settle_after_ms": dice.choice((200, 900, 2500))},
        {**low, "garbage_rate": 0.1, "timeout_after_apply_rate": 0.15, "latency": latency},
    ]
    return dice.choice(choices)


def _drawn(dice: random.Random, weights: dict[str, int]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]
