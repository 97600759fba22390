"""`whodid logout`: ends the token that `whodid login` gave."""

import click

from whodid.cli.options import plain, stdout, url_option
from whodid.cli.remote import Remote
from whodid.cli.stored_token import keep_token
from whodid.errors import AccessDeniedError, UsageError


@click.command("logout")
@url_option
def command(url: str | None) -> None:
    """Log out of the server at --url: the token ends there, and is forgotten here."""
    if not url:
        raise UsageError("name the server with --url or WHODID_URL")
    try:
        Remote(url).post("/v1/logout", {})
    except AccessDeniedError:
        stdout.print("the token had ended already", markup=False)
    keep_token(url, None)
    stdout.print(f"logged out of {plain(url)}", markup=False)
