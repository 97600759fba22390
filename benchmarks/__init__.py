"""What whodid does in a second, beside its peers on the same machine. Never a timed test."""
