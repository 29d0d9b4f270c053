"""An endpoint to test against, in a process of its own: OpenAI's and Anthropic's protocols, and plain JSON."""
