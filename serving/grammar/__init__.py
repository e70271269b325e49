"""From JSON Schema to a grammar: what an answer may be, as nodes that a mask and a budget are both made of."""
