"""Which scope a route needs. The first line whose address begins the route's counts; what no line names needs `admin`.

A scope only narrows: whether the person may do it at all, their role and their grants say.
"""

from jali.wire.person import Scope

CATALOG, ASK, TRAIN, REVIEW, ADMIN = ({scope} for scope in Scope)
ONESELF = "/v1/me/"
"""One's own tokens, password and session: not an owner's business, and no auditor's report."""

NEEDED: tuple[tuple[str, set[Scope] | None, set[Scope] | None], ...] = (
    # address, to read, to change; None: whatever the token is for
    ("/v1/me/session", None, None),
    ("/v1/me/", ADMIN, ADMIN),
    ("/v1/me", None, ADMIN),
    ("/v1/projects/{project_id}/evidence", REVIEW, ADMIN),
    ("/v1/projects", None, ADMIN),
    ("/v1/datasets/{dataset_id}/budget", ASK | TRAIN, ADMIN),
    ("/v1/datasets", CATALOG | ASK | TRAIN | REVIEW, ADMIN),
    ("/v1/quotes", ASK, ASK),
    ("/v1/queries", ASK, ASK),
    ("/v1/releases", ASK, ASK),
    ("/v1/requests/{request_id}/decision", REVIEW, REVIEW),
    # What is said about jobs is said here too.
    ("/v1/requests/{request_id}/discussion", ASK | TRAIN | REVIEW, ADMIN),
    ("/v1/requests/{request_id}/changes", ASK | TRAIN | REVIEW, ADMIN),
    ("/v1/requests/{request_id}/comments", ADMIN, ASK | TRAIN | REVIEW),
    ("/v1/requests/{", ASK | REVIEW, ASK | REVIEW),
    ("/v1/requests", ASK | REVIEW, ASK),
    ("/v1/jobs/{job_id}/decision", REVIEW, REVIEW),
    ("/v1/jobs/{job_id}/end", TRAIN | REVIEW, TRAIN | REVIEW),
    ("/v1/jobs/{job_id}/pause", TRAIN | REVIEW, TRAIN | REVIEW),
    ("/v1/jobs/{job_id}/resume", TRAIN | REVIEW, TRAIN | REVIEW),
    ("/v1/jobs/{job_id}/priority", REVIEW, REVIEW),
    ("/v1/jobs", TRAIN | REVIEW, TRAIN),
    ("/v1/code-jobs/{code_id}/decision", REVIEW, REVIEW),
    ("/v1/code-jobs/{code_id}/airlock", REVIEW, REVIEW),
    ("/v1/code-jobs/{code_id}/result", TRAIN, ADMIN),
    ("/v1/code-jobs/{code_id}/end", TRAIN | REVIEW, TRAIN | REVIEW),
    ("/v1/code-jobs", TRAIN | REVIEW, TRAIN),
    ("/v1/notices", REVIEW, ADMIN),
    ("/v1/populations", REVIEW, ADMIN),
    ("/v1/ledger/checkpoint", None, ADMIN),
    ("/v1/ledger/links", None, ADMIN),
    ("/v1/ledger", REVIEW, ADMIN),
    ("/v1/audit", REVIEW, ADMIN),
    ("/metrics", REVIEW, ADMIN),
    ("/v1/freezes/{", REVIEW, ADMIN),
    ("/v1/freezes", REVIEW, REVIEW),
    ("/v1/grants", REVIEW, REVIEW),
    ("/v1/policy", REVIEW, ADMIN),
    ("/v1/people/{", ADMIN, ADMIN),
    ("/v1/people", REVIEW | ADMIN, ADMIN),
)


def needed(method: str, path: str) -> frozenset[Scope] | None:
    """Return the scopes of which a token must have one to use a route, or None where any token will do.

    >>> [sorted(map(str, needed(*route) or ())) for route in (("POST", "/v1/queries"), ("GET", "/v1/unheard-of"))]
    [['ask'], ['admin']]
    """
    for address, to_read, to_change in NEEDED:
        if path.startswith(address):
            found = to_read if method in ("GET", "HEAD") else to_change
            return None if found is None else frozenset(found)
    return frozenset(ADMIN)
