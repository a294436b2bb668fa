"""How machine and people compare."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import get

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.issues.model import Engine, IssueType
from paywright.issues.views import Agreement, agreement
from paywright.wiring import App


class AgreementView(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of issues. Rates are 0 to 1, of the reviewed ones; null where none was reviewed."""

    decided: int
    auto_resolved: int
    awaiting_review: int
    reviewed: int
    agreed: int
    modified: int
    rejected: int
    agreement_rate: float | None
    override_rate: float | None
    confidence_mean: float | None


class AgreementRow(AgreementView, frozen=True, kw_only=True):
    type: IssueType
    policy_version: str
    engine: Engine


class AgreementReport(msgspec.Struct, frozen=True):
    total: AgreementView
    rows: Sequence[AgreementRow]


@get("/analytics/reviews", opt={"permission": Permission.READ_ANALYTICS})
async def get_agreement(
    app: App,
    cause: Cause,
    since: datetime | None = None,
    until: datetime | None = None,
    type: IssueType | None = None,
) -> AgreementReport:
    """Agreement of people with the machine, by type, policy version and engine."""
    rows = await agreement(app.db, cause, since=since, until=until, type=type)
    return AgreementReport(
        total=AgreementView(**_figures(rows)),
        rows=[
            AgreementRow(
                type=row.type,
                policy_version=row.policy_version,
                engine=row.engine,
                **_figures([row]),
            )
            for row in rows
        ],
    )


def _figures(rows: Sequence[Agreement]) -> dict[str, Any]:
    def total(name: str) -> int:
        return sum(getattr(row, name) for row in rows)

    decided, agreed = total("decided"), total("agreed")
    reviewed = agreed + total("modified") + total("rejected")
    confidence = sum(row.confidence_mean * row.decided for row in rows)
    return {
        "decided": decided,
        "auto_resolved": total("auto_resolved"),
        "awaiting_review": total("awaiting_review"),
        "reviewed": reviewed,
        "agreed": agreed,
        "modified": total("modified"),
        "rejected": total("rejected"),
        "agreement_rate": round(agreed / reviewed, 4) if reviewed else None,
        "override_rate": round((reviewed - agreed) / reviewed, 4) if reviewed else None,
        "confidence_mean": round(confidence / decided, 2) if decided else None,
    }


ROUTES = [get_agreement]
