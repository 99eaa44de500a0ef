"""The same MCP server with the official SDK and with fastmcp, behind a guard."""
