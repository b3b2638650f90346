"""Building blocks of the black-box suite: broker client, processes, scripted peers. No test lives here."""
