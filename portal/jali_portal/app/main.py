"""Every page's frame: who is signed in, where to go, and one place where refusals are told."""

from pathlib import Path

import streamlit as st

from jali import errors
from jali_portal.app import visit
from jali_portal.components import markup, trouble
from jali_portal.viewmodels.people import ROLES

STATIC = Path(__file__).parent / "static"

st.set_page_config(page_title="Jali", page_icon=str(STATIC / "icon.svg"), layout="wide")
st.logo(str(STATIC / "logo.svg"), size="large")
markup.style()
page = st.navigation(
    [
        st.Page("screens/inbox.py", title="Inbox", default=True),
        st.Page("screens/budgets.py", title="Budgets", url_path="budgets"),
        st.Page("screens/projects.py", title="Projects", url_path="projects"),
        st.Page("screens/ledger.py", title="Ledger", url_path="ledger"),
        st.Page("screens/audit.py", title="Audit", url_path="audit"),
        st.Page("screens/policies.py", title="Policies", url_path="policies"),
        st.Page("screens/people.py", title="People and tokens", url_path="people"),
        st.Page("screens/request.py", title="Request", url_path="request", visibility="hidden"),
    ]
)
try:
    desk = visit.desk()
    with st.sidebar:
        markup.signed_in(desk.node.name, desk.me.name, ROLES[desk.me.role].lower())
    page.run()
except errors.JaliError as failure:
    if isinstance(failure, errors.NotSignedIn | errors.TokenExpired):
        visit.leave()
    trouble.draw(failure)
