"""The vocabulary of Blemish: taxonomy, label maps, records, protocols, errors, seeds. Only numpy."""
