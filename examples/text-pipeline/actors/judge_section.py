"""Actor judge-section, in envelope mode: the handler sees the route and may change what lies ahead of it."""

LOWEST_ACCEPTABLE_SCORE = 40.0
# Refining has an end, also for a text that stays hard.
REFINEMENT_LIMIT = 2
REFINER = "refine-section"


def judge(envelope):
    """Passes a section on, or inserts a refiner, and another scoring and judging, right behind this actor."""
    section, route = envelope["payload"], envelope["route"]
    position = route["current"]
    refinements = section.get("refinements", 0)
    if section["score"] >= LOWEST_ACCEPTABLE_SCORE:
        section["verdict"] = "refined" if refinements else "clear"
    elif refinements < REFINEMENT_LIMIT:
        # The actors up to here have run and must stay; what follows is ours to decide. Whoever scored the section
        # and judged it does so again afterwards.
        scorer_and_judge = route["actors"][position - 1 : position + 1]
        route["actors"][position + 1 : position + 1] = [REFINER, *scorer_and_judge]
        section["verdict"] = "to be refined"
    else:
        section["verdict"] = "still hard"
    route["current"] = position + 1
    return envelope
