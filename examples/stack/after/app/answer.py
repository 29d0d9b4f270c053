"""The application that both stacks run: it puts a question into the prompt of its stack."""


def render(question, stack):
    """The prompt as the model sees it."""
    return stack.text("prompt").replace("{{ question }}", question)
