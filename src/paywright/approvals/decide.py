"""Whether an approval counts, and how many are missing. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from paywright.approvals.model import Requirement, Right, Subject, Vote, Voter
from paywright.core.actor import Permission, PermissionMissing
from paywright.core.errors import Conflict, Forbidden, Problem
from paywright.core.ids import ApprovalId

ANYBODY = "approver"  # the role of a requirement that everybody meets who may approve


class FourEyes(Forbidden):
    """Nobody approves what they have made.

    Not with another key of theirs, not in somebody else's stead, and nobody in theirs. Whoever
    has entered or edited it has made it. There is no role that is above this.
    """


class AlreadyApproved(Conflict):
    """You have approved this already, or somebody has in whose stead you would."""


class AlreadyComplete(Conflict):
    """All approvals that are needed have been given."""


class DelegationTooLow(Forbidden):
    """What was delegated to you is not enough for this amount.

    A delegation with a limit is for amounts up to it, in its currency, and for nothing that has no
    amount, like new bank details.
    """


class OtherRoleNeeded(Forbidden):
    """What is missing is the approval of another role.

    `roles` names those whose approvals are missing.
    """


def needed(requirements: Sequence[Requirement]) -> int:
    """How many approvals are needed in all, if those give them of whom they are asked."""
    return _missing_of(_most(requirements), ())


def missing(requirements: Sequence[Requirement], votes: Sequence[Vote]) -> int:
    """How many approvals are still needed; 0: it is complete.

    votes: of the contents as they are now, in any order. A person counts once, and so does
           everybody in whose stead somebody voted; of votes that exclude each other, those count
           that leave least to do
    """
    most = _most(requirements)
    return min(_missing_of(most, roles) for roles in _tallies(votes))


def _most(requirements: Sequence[Requirement]) -> dict[str, int]:
    """Of each role that is asked for, how many."""
    most: dict[str, int] = {}
    for it in requirements:
        if it.approvers > most.get(it.role, 0):
            most[it.role] = it.approvers
    return most


def counting(subject: Subject, votes: Iterable[Vote]) -> list[Vote]:
    """The votes that are of the contents as they are now, and not by who has made them."""
    return [
        it
        for it in votes
        if it.subject_id == subject.id
        and it.content_hash == subject.content_hash
        and it.person not in subject.makers
        and it.principal not in subject.makers
    ]


def asked_of_the_next(
    requirements: Sequence[Requirement], votes: Sequence[Vote]
) -> tuple[Requirement, ...]:
    """The same, or one approver more than there are where nothing is missing any more.

    votes: that count, of a subject that waits nevertheless: the policies have asked for more when
           they were given. Who approves it next completes it.
    """
    if missing(requirements, votes):
        return tuple(requirements)
    reason = "The policies ask for less than they did."
    return (*requirements, Requirement(ANYBODY, len(votes) + 1, "builtin:still-waiting", reason))


def cast(
    voter: Voter,
    subject: Subject,
    requirements: Sequence[Requirement],
    votes: Sequence[Vote],
    *,
    policy_version: str,
    at: datetime,
    comment: str | None = None,
) -> Vote | Problem:
    """The vote of `voter`, or why there is none.

    votes: that are on file; those of other contents count for nothing

    The refusals are PermissionMissing, FourEyes, AlreadyApproved, AlreadyComplete,
    DelegationTooLow and OtherRoleNeeded.
    """
    given = counting(subject, votes)
    before = missing(requirements, given)
    refusal = _refusal(voter, subject, given, is_complete=before == 0)
    rights = refusal or _rights(voter, subject, given)
    if isinstance(rights, Problem):
        return rights
    for right in rights:
        vote = Vote(
            id=ApprovalId.new(at),
            subject_kind=subject.kind,
            subject_id=subject.id,
            content_hash=subject.content_hash,
            person=voter.person,
            actor=voter.actor,
            role=right.role,
            principal=right.principal,
            delegation_id=right.delegation_id,
            comment=comment,
            at=at,
            policy_version=policy_version,
        )
        if missing(requirements, [*given, vote]) < before:
            return vote
    asked = [it for it in requirements if it.role != ANYBODY]
    roles = sorted({it.role for it in asked if missing([it], given)})
    return OtherRoleNeeded(f"what is missing is {', '.join(roles)}", roles=roles)


def _refusal(
    voter: Voter, subject: Subject, given: Sequence[Vote], *, is_complete: bool
) -> Problem | None:
    """Why the voter may not approve this, whatever their rights are."""
    if not voter.rights:
        permission = Permission.APPROVE
        return PermissionMissing(f"needs {permission}", permission=permission.value)
    if voter.person in subject.makers:
        return FourEyes("you have made or edited this")
    if any(it.person == voter.person for it in given):
        return AlreadyApproved("you have approved this")
    if is_complete:
        return AlreadyComplete("no approval is missing")
    return None


def _rights(voter: Voter, subject: Subject, given: Sequence[Vote]) -> Sequence[Right] | Problem:
    """Those of the voter's rights that may be used here, or why there is none."""
    rights = [it for it in voter.rights if it.principal not in subject.makers]
    if not rights:
        return FourEyes("you would approve in the stead of somebody who has made or edited this")
    used = {it.principal for it in given}
    if not (rights := [it for it in rights if it.principal not in used]):
        return AlreadyApproved("somebody has approved this in whose stead you would")
    if not (rights := [it for it in rights if _reaches(it, subject)]):
        return DelegationTooLow("what was delegated to you has a limit that is below this")
    return rights


def _reaches(right: Right, subject: Subject) -> bool:
    if right.limit is None:
        return True
    amount = subject.amount
    return (
        amount is not None
        and amount.currency == right.limit.currency
        and amount.minor <= right.limit.minor
    )


def _missing_of(most: Mapping[str, int], roles: Sequence[str]) -> int:
    """What is missing when people of these roles have approved.

    Who has a role counts for it and for a requirement of anybody, but nobody has two roles.
    """
    of_roles = sum(max(n - roles.count(role), 0) for role, n in most.items() if role != ANYBODY)
    return max(most.get(ANYBODY, 0) - len(roles), of_roles, 0)


def _tallies(votes: Sequence[Vote]) -> set[tuple[str, ...]]:
    """The roles of votes that may count together: of each person one, of each principal one.

    Where no two votes exclude each other, as with all that are on file, there is one answer.
    """
    principals = Counter(it.principal for it in votes)
    of_person: dict[str, list[Vote]] = {}
    for it in votes:
        of_person.setdefault(it.person, []).append(it)
    states: set[tuple[frozenset[str], tuple[str, ...]]] = {(frozenset(), ())}
    for theirs in of_person.values():
        taken = set()
        for used, roles in states:
            for it in theirs:
                if it.principal in used:
                    continue
                is_sought = principals[it.principal] > 1
                now = used | {it.principal} if is_sought else used
                taken.add((now, tuple(sorted((*roles, it.role)))))
        has_choice = len(theirs) > 1 or principals[theirs[0].principal] > 1
        states = states | taken if has_choice else taken
    return {roles for _, roles in states}
