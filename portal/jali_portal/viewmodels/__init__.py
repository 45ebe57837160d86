"""What pages show, as plain values. Nothing here knows the browser."""
