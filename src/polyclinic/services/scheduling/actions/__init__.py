"""The deeds of scheduling: find, hold, book, move, cancel; each is loaded, judged and kept in one transaction."""
