"""What became of messages: ``records`` keeps one row for each, ``record_names`` the names by which they are found."""
