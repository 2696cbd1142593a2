"""Two VAEs: a class that needs no help to be judged, and two networks that do."""
