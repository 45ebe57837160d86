"""The ledger: the populations' accounts, the entries, and their verification."""

from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import accounts, chain, markup
from jali_portal.viewmodels import ledger

desk = visit.desk()
markup.title("Ledger")
markup.quiet(wording.LEDGER_IS)
book = desk.accounts()
for population in desk.populations():
    accounts.draw(ledger.account_card(population, book.account(population.account), visit.now()), visit.zone())

markup.section("Verification")
chain.verification(visit.desk)

markup.section("Entries")
markup.quiet(wording.LEDGER_IS_PSEUDONYMOUS)
after, limit = ledger.window(book.entries, chain.page(book.entries))
entries = desk.ledger_page(after, limit).entries if limit else ()
chain.draw(ledger.lines(entries, visit.now(), visit.zone()))
