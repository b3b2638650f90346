"""Handlers of the crew: the actors that end every pipeline."""
