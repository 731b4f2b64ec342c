"""What US Core asks of a server, as a table, and questions that its own examples have answers for."""
