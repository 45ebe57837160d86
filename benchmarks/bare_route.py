"""What a web framework and a database cost by themselves: one FastAPI route that reads one SQLite row."""

import socket
import sqlite3
import sys
import threading

import uvicorn
from fastapi import FastAPI

app = FastAPI()
_of_thread = threading.local()


@app.get("/rows/{number}")
def row(number: int) -> dict[str, str]:
    """Return the row."""
    if not hasattr(_of_thread, "connection"):
        _of_thread.connection = sqlite3.connect(sys.argv[1])
    text = _of_thread.connection.execute("SELECT text FROM rows WHERE number = ?", (number,)).fetchone()[0]
    return {"text": text}


if __name__ == "__main__":
    with sqlite3.connect(sys.argv[1]) as made:
        made.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        made.execute("INSERT INTO rows VALUES (1, ?)", ("x" * 200,))
    made.close()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as a node does
    print(f"answers on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))

    def stop_at_end_of_input() -> None:
        """End with the benchmark, however it ends."""
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    server.run(sockets=[listening])
