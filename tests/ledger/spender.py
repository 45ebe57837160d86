"""Run as a process of its own: for each purchase on standard input, spends until refused and prints how often it could.

Each of the three steps is a transaction of its own, as a job's would be.
"""

import json
import sys

from jali_node.errors import BudgetExhausted
from jali_node.ledger import book
from jali_node.ledger.event import Gaussian
from jali_node.store.database import Database


def spend_until_refused(database: Database, purchase: book.Purchase) -> int:
    spends = 0
    while True:
        try:
            with database.writing() as session:
                spend = book.reserve(session, purchase)
        except BudgetExhausted:
            return spends
        with database.writing() as session:
            book.begin(session, spend.id)
        with database.writing() as session:
            book.commit(session, spend.id, {"answer": spend.id})
        spends += 1


def main(url: str) -> None:
    database = Database(url)
    with database.reading():
        print("ready", flush=True)  # noqa: T201 - the other side of the pipe waits for it
    for line in sys.stdin:
        told = json.loads(line)
        purchase = book.Purchase(**{**told, "event": Gaussian(told["event"])})
        print(spend_until_refused(database, purchase), flush=True)  # noqa: T201
    database.close()


if __name__ == "__main__":
    main(sys.argv[1])
