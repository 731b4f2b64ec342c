"""When and with whom: appointments that cannot be booked twice, found from rules and held until they are confirmed."""
