"""A signal of one's own: does the model shout at our customers?"""

from shadow.answer import Answer, Ask


def exclaims(ask: Ask, answer: Answer) -> bool | None:
    """True for two exclamation marks or more, unless the customer shouted first; None where nothing was said."""
    if not answer.text:
        return None
    return answer.text.count("!") >= 2 and "!" not in ask.prompt
