"""An MCP server as people write them, with the library; the tests run it in the sandbox."""

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations

server = FastMCP("honest")


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def add(a: int, b: int = 1) -> int:
    """Adds two numbers."""
    return a + b


if __name__ == "__main__":
    server.run()
