"""The hall: where the rooms are put together. Faces speak to the log through `reading` only."""
