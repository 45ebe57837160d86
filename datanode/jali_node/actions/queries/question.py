"""What quoting and asking share: the question, looked up and judged, before anything is spent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy.orm import Session

from jali.estimates import derivation
from jali.wire.dataset import Card
from jali.wire.money import to_fixed
from jali.wire.policy import Policy
from jali.wire.query import Query
from jali.wire.release import Noised
from jali_node.actions.queries.judge import Judged, judge
from jali_node.errors import AccessDenied, GrantRequired
from jali_node.ledger import book
from jali_node.ledger.account import Account
from jali_node.ledger.terms import Terms
from jali_node.people.caller import Caller
from jali_node.policy import rules
from jali_node.policy.rules import Allow, AskOwner, Deny
from jali_node.statistics.plan import Plan, plan
from jali_node.store import freezes, releases
from jali_node.store.catalog import Registered
from jali_node.tables import AccountRow, ReleaseRow


@dataclass(frozen=True)
class Question:
    """A question that may be asked: what it is about, how it will be measured, who pays."""

    query: Query
    caller: Caller
    registered: Registered
    terms: Terms
    grant: rules.Grant
    quota: Account

    @cached_property
    def plan(self) -> Plan:
        """How it will be measured."""
        return self.planned(self.query.epsilon)

    @property
    def asked(self) -> int:
        """The price, in 1e-12."""
        return to_fixed(self.query.epsilon)

    def planned(self, epsilon: float) -> Plan:
        """Return how it would be measured at another price."""
        return _planned(self.query, self.registered.card, epsilon, self.terms)

    def at(self, epsilon: float) -> "Question":
        """Return the same question at another price."""
        return replace(self, query=self.query.model_copy(update={"epsilon": epsilon}))

    @property
    def digest(self) -> str:
        """The same for questions that one release answers."""
        return self.query.digest

    def purchase(self) -> book.Purchase:
        """Return what is about to be spent."""
        return book.Purchase(
            event=self.plan.event,
            population_account=self.registered.population.account_id,
            quota_account=self.grant.account_id,
            person_id=self.caller.id,
            project_id=self.query.project,
            grant_id=self.grant.id,
            version_id=self.registered.version.id,
            question=self.digest,
        )


def _planned(query: Query, card: Card, epsilon: float, terms: Terms) -> Plan:
    """Return how a question about a table is measured at a price."""
    return plan(
        query.statistic,
        card.columns,
        epsilon,
        terms,
        selection=query.selection,
        max_rows=card.max_rows,
        entity=card.entity,
    )


def judged(session: Session, caller: Caller, query: Query, policy: Policy | None = None) -> Question | AskOwner:
    """Look a question up, judge it, and see whether it fits.

    Raises:
        AccessDenied, UnknownDataset, GrantRequired: it may not be asked.
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest, EpsilonTooSmall: it does not fit the card.
    """
    return admitted(session, judge(session, caller, query, policy))


def admitted(session: Session, found: Judged) -> Question | AskOwner:
    """Return a judged question as one that may be asked, or that an owner must be asked first.

    Raises:
        AccessDenied, GrantRequired: it may not be asked.
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest, EpsilonTooSmall: it does not fit the card.
    """
    verdict, query, registered = found.judgement.verdict, found.query, found.registered
    if isinstance(verdict, Deny):
        if verdict.rule:
            raise AccessDenied(verdict.reason, field="dataset", rule=verdict.rule)
        raise GrantRequired(verdict.reason, field="dataset")
    population = session.get_one(AccountRow, registered.population.account_id)
    card, terms = registered.card, book.terms(population)
    if isinstance(verdict, AskOwner):
        _planned(query, card, query.epsilon, terms)  # what does not fit the card is refused before anybody is asked
        return verdict
    assert isinstance(verdict, Allow)  # noqa: S101 - the third of three verdicts
    quota = book.present(session.get_one(AccountRow, verdict.grant.account_id))
    question = Question(query, found.caller, registered, terms, verdict.grant, quota)
    question.plan  # noqa: B018 - what does not fit the card is refused here
    return question


def refuse_if_frozen(session: Session, question: Question) -> None:
    """Refuse to charge where something that would pay is stopped; what has been paid for is still answered.

    Raises:
        Frozen: the node, an account, the dataset or the grant is, until an owner lifts it.
    """
    registered = question.registered
    payers = [registered.population.account_id, question.grant.account_id, question.grant.id]
    freezes.refuse_if_any(session, payers, registered.version.id)


def known_answer(session: Session, question: Question) -> ReleaseRow | None:
    """Return a release of the project's own that holds all that would be measured, with no more noise, if there is one.

    It need not have been the same question: a description holds each of its columns' means, and its trees of counts
    hold histograms.
    """
    wanted = question.plan.noise
    version, project, selection = question.registered.version.id, question.query.project, question.query.selection
    for release_id, noise in releases.noise_of_same_rows(session, version, project, selection.digest):
        if _may_hold(held := json.loads(noise), wanted):
            row = session.get_one(ReleaseRow, release_id)
            if _holds(row, held, wanted):
                return row
    return None


def _may_hold(held: Mapping[str, float], wanted: Mapping[str, float]) -> bool:
    """Say whether nothing that is wanted is held with more noise, or can follow from nothing."""
    return all(held[name] <= noise if name in held else derivation.derivable(name) for name, noise in wanted.items())


def _holds(row: ReleaseRow, held: Mapping[str, float], wanted: Mapping[str, float]) -> bool:
    """Say whether what a release does not hold follows from what it does, with no more noise than is wanted."""
    missing = [name for name in wanted if name not in held]
    measured = {name: Noised(**noised) for name, noised in json.loads(row.measurements).items()} if missing else {}
    found = [(wanted[name], derivation.derived(name, measured)) for name in missing]
    return all(noised is not None and noised.noise_stddev <= noise for noise, noised in found)


def others_answer(session: Session, question: Question) -> ReleaseRow | None:
    """Return another project's release at the very price that is asked now, if there is one.

    A better one would show by its smaller noise that somebody asked before.
    """
    version = question.registered.version.id
    return releases.same_question_at(session, version, question.digest, question.asked)
