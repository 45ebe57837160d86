"""Budgets: what each population has spent, who spent it, and the way to stop it."""

from jali.wire.freeze import NODE
from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import markup, purses
from jali_portal.components.outcome import told
from jali_portal.viewmodels import budgets

desk = visit.desk()
markup.title("Budgets")
markup.quiet(wording.BUDGETS_ARE)
told(purses.ABOUT)
facts = visit.facts()
found = budgets.purses(facts, visit.now(), visit.zone())
markup.cards(budgets.figures(facts, found))
stops = purses.Stops(visit.desk, facts, found, visit.now())
purses.node(stops, desk.node.name, facts.stopped(NODE, visit.now(), visit.zone()))
places = [purses.draw(purse, stops) for purse in found]
for purse, place in zip(found, places, strict=True):
    with place:
        purses.report(budgets.report(desk.owner.report(purse.id)))
