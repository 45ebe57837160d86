"""Projects: what they stand on, who belongs to them, and what has left for them."""

import streamlit as st

from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import dossier, markup
from jali_portal.viewmodels import projects
from jali_portal.viewmodels.inbox import of_access, of_job

desk = visit.desk()
markup.title("Projects")
markup.quiet(wording.PROJECTS_ARE)
dossier.outcome()
known, facts = desk.owner.projects(), visit.facts()
with st.container(border=True):
    wishes = [*map(of_access, facts.requests), *map(of_job, facts.jobs)]
    heads = ("Project", "Agreement", "Ends", "Members", "Waiting")
    markup.table(heads, projects.lines(known, wishes), numbers=(4,))
if desk.owns:
    dossier.add(visit.desk)
chosen = dossier.choose(known)
if chosen is not None:
    found = projects.sheet(chosen, facts, desk.people.all(), visit.now(), visit.zone())
    dossier.draw(visit.desk, found, facts)
    if desk.owns or desk.audits:
        dossier.evidence(visit.desk_kept(), chosen)
