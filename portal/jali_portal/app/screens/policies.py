"""Policies: the one in force, those before, and a proposal with what it would change."""

import streamlit as st

from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import draft, markup
from jali_portal.components.outcome import told
from jali_portal.viewmodels import policies

desk = visit.desk()
markup.title("Policies")
markup.quiet(wording.POLICIES_ARE)
told(draft.ABOUT)
version, versions = desk.owner.policy(), desk.owner.policies()
with st.container(border=True):
    markup.section("In force")
    markup.quiet(policies.in_force(version, desk.people.all(), visit.now(), visit.zone()))
    draft.shown(version)
    if len(versions) > 1:
        draft.earlier(versions[1:])
if desk.owns:
    draft.propose(visit.desk, version, visit.now(), visit.zone())
