"""People and tokens: who may come in, with what, and until when."""

import streamlit as st

from jali.wire.person import Role, Scope
from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import markup, roster
from jali_portal.viewmodels import people as view

desk = visit.desk()
markup.title("People and tokens")
markup.quiet(wording.PEOPLE_ARE)
if Scope.ADMIN not in desk.me.scopes:
    markup.note(wording.NARROW_ACCESS)
    st.stop()
found = view.roster(desk.people.all(), visit.now(), visit.zone(), desk.me.id)
with st.container(border=True):
    markup.table(("Name", "Role", "Projects", "Signs in by"), found.lines)
if desk.me.role is Role.OWNER:
    left, right = st.columns(2, gap="medium")
    with left:
        roster.add(visit.desk)
    with right:
        roster.change(visit.desk, found.present)
markup.section("Your tokens and sessions")
markup.quiet(wording.TOKENS_ARE)
own = desk.account.tokens()
roster.own_tokens(visit.desk, own, view.tokens(own, visit.now(), visit.zone()))
