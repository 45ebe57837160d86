"""What Streamlit runs: `main.py`, and one thin file per page in `screens`: fetch, view model, draw.

The folder is not called `pages`: Streamlit runs the files of such a folder by itself, without `main.py` around them.
"""
