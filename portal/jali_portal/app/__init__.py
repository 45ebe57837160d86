"""What Streamlit runs: `main.py`, and one thin file per page: fetch, view model, draw."""
