"""The audit trail: who did what, and when."""

from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import markup, trail
from jali_portal.viewmodels import audit

markup.title("Audit")
markup.quiet(wording.AUDIT_IS)
topic, age = trail.choices()
chosen = audit.which(topic, age, visit.now())
place = trail.place(chosen)
page = visit.desk().audit(chosen, place, audit.LINES)
trail.draw(audit.lines(page, visit.now(), visit.zone()))
trail.further(chosen, page.next_before)
trail.export(visit.desk_kept(), chosen)
