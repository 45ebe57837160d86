"""What pages draw with. Text from elsewhere is escaped, or shown as plain text; it is never markdown."""
