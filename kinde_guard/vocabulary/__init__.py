"""Words that every other room uses: errors, settings, events, the event loop."""
