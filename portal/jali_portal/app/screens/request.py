"""One request, whatever its kind."""

import streamlit as st

from jali import errors
from jali_portal.app.reviews import REVIEWS

request_id = st.query_params.get("id", "")
st.page_link("screens/inbox.py", label="← Inbox")
draw = REVIEWS.get(request_id.partition("_")[0])
if draw is None:
    raise errors.UnknownResource("there is no request of this kind", field="id")
draw(request_id)
