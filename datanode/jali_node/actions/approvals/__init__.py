"""Two persons above a threshold: who has said yes to what, and who still must."""
