"""The directory of health professionals and organisations (ITI HPD): its rules, its search, its changes."""
