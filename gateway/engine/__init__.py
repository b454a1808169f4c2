"""The engine: from a Transaction to an Outcome and a Record. It knows neither sockets nor SQL."""
