"""The user's side: terminals that print data and read lines, and the application that ties them to a session."""
