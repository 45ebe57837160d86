"""Every sentence about privacy, in one place, so that they can be read and judged together."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jali.wire.budget import Window
from jali.wire.dataset import PromiseEnd
from jali.wire.freeze import Freeze
from jali.wire.person import Erasure
from jali_portal import words

GRANT_CHARGES_NOTHING = (
    "Granting charges nothing yet. It opens a quota: each answer is charged to it, and to the population's budget, "
    "before a row is read."
)
CAP_HOLDS = "Whatever is granted, the node refuses what would pass the cap."
ROWS_ARE_UNITS = (
    "The promise covers one row. Where a person has several rows, it is weaker for them, by as many rows as they have."
)
CHAIN_HOLDS = (
    "Recomputed here from the entries as downloaded, and in agreement with the node's own walk. This shows that the "
    "records are unaltered, provided that you compare with a head noted earlier, outside the node. It does not show "
    "that the noise was honest."
)
CARD_IS_DECLARED = "All of this is declared by you from a data dictionary; nothing of it was read off the rows."
NO_ACCOUNT = "The ledger does not show this population's account, so no cost can be shown and nothing can be decided."
LEDGER_IS = (
    "What may still be learned about each population, and every step that led there, in one chain of records that "
    "nobody can alter unnoticed."
)
VERIFICATION_IS = (
    "Downloads every entry, recomputes the chain of hashes here, and compares it with the node's own walk. It takes "
    "seconds, reads no row, and can be done at any time."
)
LEDGER_IS_PSEUDONYMOUS = "Entries hold pseudonymous ids, digests and whole numbers: no name, no purpose, no value."
BURN_DOWN = "The share of the budget that is left, after each answer. The dashed line is where nothing would be left."
SHARES_ADD_UP = (
    "Shares are of all that the cap allows, on the scale on which costs add up (Rényi costs). Epsilons do not add up: "
    "half the epsilon takes about a quarter of the share."
)
AT_MOST = "The figures after granting suppose that every answer that the quota allows is asked for."
OVERBOOKED = "Together, the open quotas promise more than is left: whoever asks last is refused."
NOTE_THE_HEAD = "Note this head somewhere else. A later walk that passes it shows that nothing before it was altered."
PASSED = "The chain passes the head that you noted: nothing up to there was altered since."
UNCERTAIN = (
    "The node did not answer in time, so it is not certain whether this was recorded. Open the request again: it says."
)
MODEL_IS_DATA = (
    "The model came as data, not as code: these steps are all that will run, and the node builds them itself."
)
TRAINING_IS_IDEALISED = (
    "Noise comes from a cryptographic generator, in floating point: the promise is that of exact arithmetic (idealised "
    "numerics)."
)
TRAINING_IS_EXACT = (
    "Gradients are summed in whole numbers and noised by the exact discrete Gaussian: the promise assumes nothing of "
    "floating-point arithmetic."
)
APPROVED = (
    "Approved. The whole price is set aside; each round is charged when it begins, and what is not used is freed."
)
CODE_APPROVED = "Approved. A worker of the node runs it once; its output then waits here for a person."
CODE_ENDS_PROMISE = (
    "This leaves the promise: no epsilon covers what the code gives back. With the first output that is released, the "
    "promise to all people of this population ends, for every table about them, and the cards say so from then on."
)
CODE_ON = (
    "Functions may be submitted to run over it. A person reads each before it runs, and its output before it leaves."
)
CODE_OFF = "No function is submitted any more, and what was approved and has not begun does not begin."
CODE_RUNS = (
    "It runs in the sandbox at tier 4 or above, without files, network or other programs, and is given these columns "
    "and nothing else. If anything of this differs when it is to run, the node refuses it."
)
CODE_TRIED = "What it gave there is its author's word; nobody else has run it. Mock rows tell nothing about the data."
AIRLOCK_CHECKS = (
    "Checks find what is careless, not what is clever: numbers can be made to spell rows. Release what you understand, "
    "and whose every number you can explain."
)
OUTPUT_REASON = "This needs a reason: the asker reads it, and so do auditors."
OUTPUT_RELEASED = "Released. The asker can take it, and the ledger says where the promise ended."
OUTPUT_DESTROYED = "Destroyed. Nothing of it is kept, and the asker reads your reason."
OUTPUT_FIRST_OF_TWO = "Recorded. Another owner or reviewer must agree before it leaves."
DENIED = "Denied. The asker reads your reason."
CHANGES_ASKED = "Changes are asked for. The asker reads your words, and resubmits or answers."
COMMENTED = "Your comment is there for the asker to read."
COMMENT_EMPTY = "There is nothing to say yet: write a comment first."
CHECKS_INFORM = "Checks are made from public facts alone, and inform. They decide nothing."
SENT_AGAIN = "They are due again, and leave within moments."
FIRST_OF_TWO = (
    "Recorded. Above the threshold two persons must agree: nothing is granted and nothing runs until another owner or "
    "reviewer has approved it too."
)
DECIDED_BY_RULE = "a rule of the node's policy, no person"
REASON_NEEDED = "This needs a reason: it is what the asker is told, and how they know what to change."

BUDGETS_ARE = (
    "What each population has spent of its cap, what jobs hold, and who spent it. Shares are of all that the cap "
    "allows, on the scale on which costs add up."
)
BEGUN_STANDS = "What has begun stays charged and is still answered; answers that were paid for may be read again."
FROZEN_UNTIL = "Only an owner lifts it. What people meet names the reason that you give."
LIFTS = "Questions are answered again, and rounds that waited go on. The chain keeps that it was stopped, and when."
REVOKES = (
    "Its holder asks nothing more under it, from this moment on and for good: a revoked grant does not come back. "
    "They may ask for a new one, and they read your reason."
)
ANOTHER_GRANT_HOLDS = "Their jobs go on: another grant of theirs, for the same dataset and project, still holds."
REVOKED_STANDS = (
    "What was charged stays charged. Rounds that have begun are charged too, and their results are destroyed."
)
NODE_ANSWERS = "Nothing stops the node as a whole. To freeze it refuses every new question and round, everybody's."
REASON_SHORT = "Give a reason of 3 letters or more: people who meet it read it, and so does whoever audits it."
PROJECTS_ARE = (
    "People who ask together for one purpose. Grants belong to a project, and what one member has paid for is free for "
    "the others."
)
RELEASED_REMAINS = "What was released remains. A later last day lets the project go on."
MAY_COME_BACK = "They can be added again at any time; what they did stays on record."
LAST_DAY_IS = "The last day, in UTC, on which something may be asked for it. A later one prolongs the project."
POLICIES_ARE = (
    "Rules that allow, ask or deny what grants would leave open. An explicit deny wins, then an explicit ask, then an "
    "allow; where no rule speaks, grants decide, and otherwise an owner is asked."
)
NO_POLICY = "No policy has been put in force: grants alone decide."
POLICY_CHECKED = (
    "Nothing is in force by trying. The text is checked, and then held against the last 100 requests as they were "
    "judged."
)
ADOPTING = (
    "It counts from the next question on, for everybody. What was granted, released or approved stays as it is.",
    "The version before stays readable; putting it in force again is a new version with its text.",
)
NOTHING_CHANGES = "None of them would be answered otherwise."
AUDITORS_READ = "You read as an auditor: owners and reviewers decide, and nothing here is changed by you."
EVIDENCE_IS = (
    "All that was asked, decided and released for this project, with its part of the ledger, signed by the node. An "
    "auditor checks it offline, with jali verify. Taking it is recorded."
)
NO_REPORT = "There is no tighter figure for these events: what they set aside for unknown keys leaves nothing of delta."
NO_GRANTS = "Nobody has a grant about this population that still holds."

PEOPLE_ARE = (
    "Whoever has a role on this node. Owners add, invite, change and remove people; each change is in the ledger, by "
    "pseudonymous id."
)
NARROW_ACCESS = "You came with a token that is not for people and tokens. Sign in by password or with your provider."
TOKENS_ARE = (
    "A token is for a script: give it the least that the script needs. Its text is shown once. Sessions end by "
    "themselves when they are not used."
)
INVITING = (
    "An invitation is good for one use within 7 days: with it they set a password, or bind their provider. An older "
    "one ends. For somebody who has a password, it replaces a forgotten one."
)
NEW_ROLE = "It counts from their next request on. The last owner stays one."
REMOVING = (
    "Their sessions, tokens, password and memberships end at once. What they did stays on record, and their name "
    "stays taken."
)
WHERE_A_NAME_STANDS = (
    "It is looked for in purposes, comments, reasons, notices, projects and policies, as whole words in any case."
)
ERASING = (
    "Their sessions, tokens, password and memberships end at once.",
    "A pseudonym takes the place of the name wherever this node holds it. Nobody can undo that.",
    "Requests, decisions and releases stay, under the pseudonym; the chain is not touched and verifies as before.",
    "Backups and evidence that were taken before still hold the name.",
)
REVOKING = "It ends at once, wherever it is in use. Your own session is among them."
SHOWN_ONCE = "Made. This is the only time that its text is shown: copy it now."
UNCERTAIN_CHANGE = "The node did not answer in time, so it is not certain whether this was done. Look again."

_STATISTICS = {
    "count": "counts",
    "covariance": "covariances and correlations",
    "crosstab": "tables of two categories",
    "describe": "summaries (count, mean, spread, quantiles)",
    "distinct": "numbers of distinct values",
    "group_by": "figures by group",
    "histogram": "histograms",
    "mean": "means",
    "missing": "shares of missing values",
    "profile": "profiles (every column at once)",
    "quantiles": "quantiles",
    "spread": "standard deviations and variances",
    "sum": "sums",
    "top": "most frequent values, without a public list of them",
    "value_counts": "counts by category",
}
_ENTRIES = {
    "node.created": "Node created",
    "person.added": "Person added",
    "person.invited": "Person invited",
    "person.removed": "Person removed",
    "role.changed": "Role changed",
    "identity.bound": "Person known to a sign-in provider",
    "password.set": "Password set",
    "signin.succeeded": "Signed in",
    "signin.failed": "Sign-in failed",
    "signin.ended": "Signed out",
    "token.issued": "Token issued",
    "token.revoked": "Token or session ended",
    "project.added": "Project added",
    "member.added": "Member added to a project",
    "population.opened": "Population opened",
    "dataset.registered": "Dataset registered",
    "dataset.brought_back": "A table registered from which people had withdrawn",
    "request.filed": "Access requested",
    "request.decided": "Request decided",
    "request.revised": "Request resubmitted",
    "request.commented": "Comment on a request",
    "request.returned": "Changes asked for",
    "request.withdrawn": "Request withdrawn",
    "request.expired": "Request lapsed undecided",
    "approval.given": "Approved, where it takes two",
    "policy.set": "Policy changed",
    "audit.exported": "Audit trail taken as a file",
    "freeze.set": "Frozen or revoked",
    "freeze.lifted": "Unfrozen",
    "checkpoint.kept": "Checkpoints are kept beside the database",
    "checkpoint.brought": "Restored from a backup, with a checkpoint that was brought along",
    "entries.imported": "Entries imported after a restore",
    "caps.written_off": "Caps counted as spent: entries are lost",
    "grant.given": "Access granted",
    "grant.raised": "Grant given more",
    "account.opened": "Account opened",
    "account.raised": "Account's cap raised",
    "account.windowed": "Account refreshes from now on, or no longer",
    "account.refreshed": "Account's next window begun",
    "spend.held": "Cost set aside",
    "spend.begun": "Cost charged",
    "spend.committed": "Answer released",
    "spend.freed": "Cost given back, nothing was read",
    "spend.settled": "Charged without an answer",
    "job.submitted": "Job requested",
    "job.decided": "Job decided",
    "job.ended": "Job ended",
    "code.begun": "Code run begun, which no epsilon covers",
    "code.released": "Output released without a guarantee: the promise ended",
    "code.destroyed": "Output of code destroyed",
    "dataset.code_allowed": "Code jobs turned on for a dataset",
    "dataset.code_forbidden": "Code jobs turned off for a dataset",
}


AUDIT_IS = (
    "Everything that anybody did here, in the order of the chain that also holds every spend. Names are looked up; the "
    "chain itself holds pseudonyms, so that a name can be erased. Taking the file is recorded too."
)


def stopped(what: Freeze, when: str) -> str:
    """Say since when, by whom and why something is stopped."""
    by = f" by {what.by_name}" if what.by_name else ""
    return f"{'Revoked' if what.final else 'Frozen'} {when}{by}: {what.reason}"


def freezes(whole: bool, people: list[str]) -> str:
    """Say what a freeze refuses, and to whom."""
    what = "Every new question and training round of everybody is refused" if whole else "New questions are refused"
    whom = f" It meets {words.listed(people)}." if people else " Nobody has an open grant that it would meet."
    return f"{what}, from this moment until an owner lifts it.{whom}"


def waiting_jobs(jobs: list[str]) -> str:
    """Say which jobs wait under a freeze."""
    if not jobs:
        return "No job is under way that it would stop."
    return f"{_jobs(jobs)} under way and will wait: no further round begins. {'; '.join(jobs)}."


def cancelled_jobs(jobs: list[str]) -> str:
    """Say which jobs end with a grant."""
    if not jobs:
        return "They have no job that would end with it."
    many = words.counted(len(jobs), "job")
    return f"{many} of theirs end{'s' * (len(jobs) == 1)} with it and cannot be resumed: {'; '.join(jobs)}."


def _jobs(jobs: list[str]) -> str:
    return f"{words.counted(len(jobs), 'job')} {'is' if len(jobs) == 1 else 'are'}"


def counted_tightly(tighter: float, lifetime: float | None = None) -> str:
    """Say what was spent by the tighter count."""
    return (
        f"Counted by privacy-loss distributions, the same answers together come to {words.epsilon(tighter)}. The cap "
        "is kept by the figure above: no cap can be kept by this one."
    ) + (f" All windows together come to {words.epsilon(lifetime)}." if lifetime is not None else "")


def ends_for(people: list[str]) -> str:
    """Say who can ask no longer when a project ends."""
    whom = f" That stops {words.listed(people)}." if people else " Nobody has a grant for it that still holds."
    return f"Nothing more is asked, granted or begun for it, from this moment on.{whom}"


def ends_jobs(jobs: list[str]) -> str:
    """Say which jobs begin no further round."""
    if not jobs:
        return "No job is under way that it would stop."
    return f"{_jobs(jobs)} under way and begin{'s' * (len(jobs) == 1)} no further round: {'; '.join(jobs)}."


def leaves(grants: int) -> str:
    """Say what somebody who leaves a project can do no longer."""
    which = f" Their {words.counted(grants, 'open grant')} for it serve{'s' * (grants == 1)} nobody." if grants else ""
    return f"They neither ask for the project nor read what it has, from this moment on.{which}"


def tried(changed: int, looked_at: int) -> str:
    """Say how many requests would be answered otherwise."""
    if looked_at == 0:
        return "It is a policy. Nobody has asked anything yet, so there is nothing to try it on"
    return f"{changed} of the last {words.counted(looked_at, 'request')} would be answered otherwise"


def spent_without_grant(share: str) -> str:
    """Say what was spent under no grant."""
    return f"{share} went to training that an owner approved, and to what the node made itself, such as mock rows."


def invited(name: str) -> str:
    """Say that an invitation was made out."""
    return f"An invitation for {name}, for one use within 7 days. It is shown only now: give it to them alone."


def statistic(kind: str) -> str:
    """Return a statistic's name in words."""
    return _STATISTICS.get(kind, kind.replace("_", " "))


def entry(kind: str) -> str:
    """Return what a ledger entry records."""
    return _ENTRIES.get(kind, kind.replace(".", " ").replace("_", " ").capitalize())


def epsilon_means(epsilon: float, delta: float, what: str = "quota") -> str:
    """Say what an epsilon promises about one row."""
    factor = math.exp(min(epsilon, 700.0))
    often = f"{factor:.3g}" if factor < 1000 else "more than a thousand"
    return (
        f"At most, all that leaves under this {what} together changes the odds that any one row is in the table by a "
        f"factor of {often}, whatever a reader knew before, up to a chance of {words.small(delta)}."
    )


def outdated(facts: Mapping[str, Any]) -> str:
    """Say that a decision came too late, and for which revision it was."""
    newest = facts.get("newest_revision")
    what = (
        f"You read revision {facts.get('revision')}; by now there is revision {newest}, as the tab Changes shows."
        if newest
        else "Somebody has decided it in the meantime, or it was withdrawn or has lapsed."
    )
    return f"Nothing was recorded. {what} You see it as it is now: read it again before you decide."


def dead_letters(count: int) -> str:
    """Say that somebody was not told."""
    return f"{words.counted(count, 'notice')} could not be delivered and will not be tried again by itself."


REFRESH_HELP = (
    "A quota that begins anew lets somebody work for months without asking again. The population's cap stays as it is, "
    "over all askers: it is what bounds what can be learned about the people."
)


def refreshes(epsilon: float, every: int, days: int) -> str:
    """Say what a quota that begins anew comes to."""
    times = math.ceil(days / every)
    return (
        f"Up to {words.counted(times, 'time')} {words.epsilon(epsilon)} in {words.counted(days, 'day')}, so "
        f"{words.epsilon(times * epsilon)} in all, as far as the population's cap has room for it. The cost above is "
        "that of one window."
    )


def granted(epsilon: float, days: int, refresh_days: int | None = None) -> str:
    """Say what was granted; more of a quota keeps its day."""
    if not days:
        return f"Granted {words.epsilon(epsilon)} more. The quota keeps the day on which it ends."
    every = f" every {words.counted(refresh_days, 'day')}" if refresh_days else ""
    return (
        f"Granted {words.epsilon(epsilon)}{every} for {words.counted(days, 'day')}. "
        "Questions within it are answered at once."
    )


def promise(
    units: int, unit: str, cap: float, delta: float, window: Window | None = None, ended: PromiseEnd | None = None
) -> str:
    """Say what a population's account promises: for all time, or for each window, and what that does not bound."""
    if ended is not None:
        return (
            f"Some {units:,} {unit}s. T{ended.describe()[1:]}. The cap bounds what statistics and training add to that."
        )
    about = f"Some {units:,} {unit}s."
    within = f"stays within {words.epsilon(cap)}, up to a chance of {words.small(delta)}"
    if window is None:
        return f"{about} Everything that ever leaves the node about them, to all askers together, {within}."
    return (
        f"{about} Everything that leaves the node about them in one window, to all askers together, {within}. "
        f"{window.warning(cap)} It {window.describe()}."
    )


def fits(epsilon: float, questions: int) -> str:
    """Say what still fits for everybody else."""
    if epsilon <= 0:
        return "Used in full, it leaves no question for anybody else."
    small = f", or about {words.counted(questions, 'question')} at ε 0.1" if questions else ""
    return f"Used in full, it leaves others one question of {words.epsilon(epsilon)}{small}."


def not_usable(left: float) -> str:
    """Say that a quota is larger than what is left."""
    return (
        f"This quota is larger than what is left ({words.epsilon(left)}): only a part of it can be used. "
        "A smaller one says so from the start."
    )


def above_cap(cap: float) -> str:
    """Say that the node would refuse such a quota."""
    return f"The node refuses a quota above the population's cap of {words.epsilon(cap)}."


PAUSING_A_JOB = (
    "A round that runs is finished; no other begins until somebody lets the job go on.",
    "Its whole price stays held meanwhile, so a pause has an end: not resumed by then, the job is ended.",
)
RESUMING_A_JOB = ("Its next round begins as soon as a worker is free. Nothing is charged beyond what was approved.",)
ENDING_A_JOB = (
    "What has not begun is freed, and can be spent on something else.",
    "A round that runs is stopped: its price stands, and nothing of it leaves.",
    "Weights that have left already stay with the asker.",
)
JOB_PAUSED = "The job is paused. A round that runs is finished."
JOB_RESUMED = "The job goes on."
JOB_ENDED = "The job is ended. What had not begun is free again."


def paused(until: datetime) -> str:
    """Say that a job is paused, and what becomes of it."""
    return f"The job is paused. Unless somebody lets it go on by {until:%d %B %Y}, it is ended and frees what it holds."


SANDBOX = {
    2: "tier 2: a process of its own, within limits",
    3: "tier 3: a process of its own, without network or other programs",
    4: "tier 4: a process of its own, without network, other programs or files",
    5: "tier 5: a process in name spaces of its own, without network, other programs, files or their names",
}


def sandbox(tier: int | None) -> str:
    """Say behind which walls a round runs."""
    return "no worker was seen lately, so not known" if tier is None else SANDBOX.get(tier, f"tier {tier}")


def erased(done: Erasure) -> str:
    """Say what was erased, and what still stands that an owner has to look at."""
    said = f"Erased: {done.person.name} stands in its place, in {words.counted(done.texts, 'text')}."
    if done.parts:
        still = ", ".join(f"{word} ({number})" for word, number in done.parts.items())
        said += f" Parts of the name still stand, perhaps for somebody else: {still}."
    if done.settings:
        said += f" Settings name them, which only an editor can change: {', '.join(done.settings)}."
    return said
