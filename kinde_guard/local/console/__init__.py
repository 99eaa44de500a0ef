"""The console: pages on which a person manages a local tenant and sees what a token opens.

Server-rendered, usable with a keyboard alone, without a network and without JavaScript. It hands
out tokens and secrets, so it answers only a person in a browser on this machine: a page
from elsewhere in the same browser can neither read it nor drive it.
"""

from kinde_guard.local.console.app import console_app, console_routes
from kinde_guard.local.console.served_hosts import OnlyServedHosts

__all__ = ["OnlyServedHosts", "console_app", "console_routes"]
