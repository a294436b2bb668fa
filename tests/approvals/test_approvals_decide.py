"""Whose approvals count, and how many are missing."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.approvals.approvals_building import a_subject, a_vote, a_voter, asks, own
from tests.builders import NOON, eur

from paywright.approvals.decide import (
    AlreadyApproved,
    AlreadyComplete,
    DelegationTooLow,
    FourEyes,
    OtherRoleNeeded,
    cast,
    missing,
    needed,
)
from paywright.approvals.model import Requirement, Right, Subject, Vote, Voter
from paywright.core.actor import PermissionMissing
from paywright.core.errors import Problem
from paywright.core.ids import DelegationId
from paywright.core.money import Money


def stead(principal: str, role: str = "approver", limit: Money | None = None) -> Right:
    delegation_id = DelegationId.new(NOON)
    return Right(principal=principal, role=role, delegation_id=delegation_id, limit=limit)


def casting(
    voter: Voter,
    requirements: Sequence[Requirement] = (asks(1),),
    votes: Sequence[Vote] = (),
    subject: Subject | None = None,
) -> Vote | Problem:
    about = subject or a_subject()
    return cast(voter, about, requirements, votes, policy_version="v1", at=NOON)


@pytest.mark.parametrize(
    ("requirements", "count"),
    [
        ([asks(1)], 1),
        ([asks(1), asks(2)], 2),  # the one that asks for most decides
        ([asks(1), asks(1, "admin")], 1),  # an administrator is also somebody who may approve
        ([asks(2), asks(1, "admin")], 2),
        ([asks(1, "admin"), asks(2, "reviewer")], 3),  # nobody has two roles
        ([asks(2), asks(2, "admin"), asks(1, "reviewer")], 3),
    ],
)
def test_so_many_are_needed(requirements: list[Requirement], count: int) -> None:
    assert needed(requirements) == count


def test_one_administrator_meets_both_of_two_requirements() -> None:
    requirements = [asks(1), asks(1, "admin")]
    assert missing(requirements, [a_vote("usr_ada")]) == 1
    assert missing(requirements, [a_vote("usr_ada", "admin")]) == 0


def test_an_approval_says_who_gave_it_and_of_what() -> None:
    vote = casting(a_voter("usr_ada"))
    assert isinstance(vote, Vote)
    assert (vote.person, vote.principal, vote.role) == ("usr_ada", "usr_ada", "approver")
    assert (vote.subject_id, vote.content_hash) == (a_subject().id, a_subject().content_hash)
    assert (vote.delegation_id, vote.policy_version, vote.at) == (None, "v1", NOON)


def test_who_has_no_right_at_all_may_not_approve() -> None:
    nobody = Voter(person="usr_bob", actor="usr_bob", rights=())
    assert isinstance(casting(nobody), PermissionMissing)


@pytest.mark.parametrize("role", ["approver", "admin"])
def test_nobody_approves_what_they_have_made(role: str) -> None:
    refusal = casting(a_voter("usr_maker", role=role))
    assert isinstance(refusal, FourEyes)
    assert refusal.status == 403


def test_another_key_of_the_maker_is_the_maker() -> None:
    voter = Voter(person="usr_maker", actor="key_1", rights=(own("usr_maker", "admin"),))
    assert isinstance(casting(voter), FourEyes)


def test_the_maker_does_not_approve_in_somebody_elses_stead() -> None:
    voter = a_voter("usr_maker", stead("usr_ada", "admin"))
    assert isinstance(casting(voter), FourEyes)


def test_nobody_approves_in_the_makers_stead() -> None:
    assert isinstance(casting(a_voter("usr_bob", stead("usr_maker", "admin"))), FourEyes)
    vote = casting(a_voter("usr_bob", stead("usr_maker", "admin"), stead("usr_ada")))
    assert isinstance(vote, Vote)
    assert vote.principal == "usr_ada"


def test_one_does_not_approve_twice() -> None:
    given_ = [a_vote("usr_ada")]
    assert isinstance(casting(a_voter("usr_ada"), [asks(2)], given_), AlreadyApproved)
    twice = a_voter("usr_ada", own("usr_ada"), stead("usr_bob"))
    assert isinstance(casting(twice, [asks(2)], given_), AlreadyApproved)


def test_a_right_is_used_once_by_whomever() -> None:
    by_delegate = [a_vote("usr_bob", principal="usr_ada")]
    assert isinstance(casting(a_voter("usr_ada"), [asks(2)], by_delegate), AlreadyApproved)
    other = a_voter("usr_cleo", stead("usr_ada"))
    assert isinstance(casting(other, [asks(2)], [a_vote("usr_ada")]), AlreadyApproved)


def test_nothing_is_approved_more_often_than_needed() -> None:
    assert isinstance(casting(a_voter("usr_bob"), [asks(1)], [a_vote("usr_ada")]), AlreadyComplete)


def test_an_approval_of_other_contents_counts_for_nothing() -> None:
    before = [a_vote("usr_ada", content_hash=b"x" * 32)]
    assert isinstance(casting(a_voter("usr_ada"), [asks(1)], before), Vote)


def test_what_is_missing_may_be_another_role() -> None:
    refusal = casting(a_voter("usr_ada"), [asks(1), asks(1, "admin")])
    assert isinstance(refusal, OtherRoleNeeded)
    assert refusal.extra["roles"] == ["admin"]
    second = [a_vote("usr_ada")]
    requirements = [asks(2), asks(1, "admin")]
    assert isinstance(casting(a_voter("usr_bob"), requirements, second), OtherRoleNeeded)
    assert isinstance(casting(a_voter("usr_bob", role="admin"), requirements, second), Vote)


def test_the_own_right_is_used_before_a_delegated_one_unless_only_that_helps() -> None:
    voter = a_voter("usr_bob", own("usr_bob"), stead("usr_ada", "admin"))
    vote = casting(voter)
    assert isinstance(vote, Vote)
    assert (vote.principal, vote.delegation_id) == ("usr_bob", None)
    vote = casting(voter, [asks(1, "admin")])
    assert isinstance(vote, Vote)
    assert (vote.principal, vote.role) == ("usr_ada", "admin")
    assert vote.delegation_id == voter.rights[1].delegation_id


@pytest.mark.parametrize(
    ("limit", "amount", "is_enough"),
    [
        (eur(10_000), eur(10_000), True),
        (eur(9_999), eur(10_000), False),
        (Money(10_000, "USD"), eur(10_000), False),
        (eur(10_000), None, False),  # of bank details no amount says what they are worth
        (None, None, True),
    ],
)
def test_a_delegation_reaches_as_far_as_its_limit(
    limit: Money | None, amount: Money | None, is_enough: bool
) -> None:
    voter = a_voter("usr_bob", stead("usr_ada", limit=limit))
    outcome = casting(voter, subject=a_subject(amount=amount))
    assert isinstance(outcome, Vote if is_enough else DelegationTooLow)


# Few people, so that they meet.
PEOPLE = st.sampled_from(["usr_a", "usr_b", "usr_c", "usr_d"])
ROLES = st.sampled_from(["approver", "admin", "reviewer"])
VOTES = st.lists(st.builds(a_vote, PEOPLE, ROLES, PEOPLE), max_size=6)
REQUIREMENTS = st.lists(st.builds(asks, st.integers(1, 4), ROLES), min_size=1, max_size=3)


@given(REQUIREMENTS, VOTES, st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter(
    requirements: list[Requirement], votes: list[Vote], dice: object
) -> None:
    shuffled = votes.copy()
    dice.shuffle(shuffled)  # ty: ignore[unresolved-attribute]
    assert missing(requirements, shuffled) == missing(requirements, votes)


@given(REQUIREMENTS, VOTES, st.data())
def test_to_take_a_vote_away_never_leaves_less_to_do(
    requirements: list[Requirement], votes: list[Vote], data: st.DataObject
) -> None:
    fewer = [it for it in votes if data.draw(st.booleans())]
    assert missing(requirements, fewer) >= missing(requirements, votes)


@given(REQUIREMENTS, VOTES)
def test_there_is_never_more_to_do_than_at_first_and_each_vote_does_one_at_most(
    requirements: list[Requirement], votes: list[Vote]
) -> None:
    counts = [missing(requirements, votes[:n]) for n in range(len(votes) + 1)]
    assert counts[0] == needed(requirements)
    assert all(0 <= before - after <= 1 for before, after in pairwise(counts))


@given(VOTES, REQUIREMENTS)
def test_one_person_never_completes_what_two_must_approve(
    votes: list[Vote], requirements: list[Requirement]
) -> None:
    alone = [msgspec.structs.replace(it, person="usr_a") for it in votes]
    assert needed(requirements) - missing(requirements, alone) <= 1


@given(VOTES, REQUIREMENTS)
def test_one_right_never_completes_what_two_must_approve(
    votes: list[Vote], requirements: list[Requirement]
) -> None:
    alone = [msgspec.structs.replace(it, principal="usr_a") for it in votes]
    assert needed(requirements) - missing(requirements, alone) <= 1


@given(VOTES, REQUIREMENTS)
def test_no_more_count_than_there_are_people_and_rights(
    votes: list[Vote], requirements: list[Requirement]
) -> None:
    people, principals = {it.person for it in votes}, {it.principal for it in votes}
    done = needed(requirements) - missing(requirements, votes)
    assert done <= min(len(people), len(principals))


RIGHTS = st.lists(st.builds(stead, PEOPLE, ROLES), max_size=3)


@given(st.lists(st.tuples(PEOPLE, RIGHTS), max_size=8), REQUIREMENTS, st.frozensets(PEOPLE))
def test_whoever_tries_in_whatever_order_no_maker_and_nobody_twice_has_approved(
    tries: list[tuple[str, list[Right]]], requirements: list[Requirement], makers: frozenset[str]
) -> None:
    subject = a_subject(makers=tuple(sorted(makers)))
    votes: list[Vote] = []
    for person, delegated in tries:
        outcome = casting(a_voter(person, own(person), *delegated), requirements, votes, subject)
        if isinstance(outcome, Vote):
            assert missing(requirements, [*votes, outcome]) == missing(requirements, votes) - 1
            votes.append(outcome)
    people, principals = [it.person for it in votes], [it.principal for it in votes]
    assert not makers & {*people, *principals}
    assert len(set(people)) == len(people)
    assert len(set(principals)) == len(principals)


@given(VOTES, REQUIREMENTS)
def test_a_makers_vote_on_file_counts_for_nothing(
    votes: list[Vote], requirements: list[Requirement]
) -> None:
    # Whoever edits it afterwards makes new contents; nobody counts on that here.
    subject = a_subject(makers=("usr_a", "usr_b"))
    theirs = [it for it in votes if {it.person, it.principal} & {"usr_a", "usr_b"}]
    outcome = casting(a_voter("usr_z", role="admin"), requirements, theirs, subject)
    alone = casting(a_voter("usr_z", role="admin"), requirements, [], subject)
    assert type(outcome) is type(alone)
