"""The notebook tool-chain: sources are built into notebooks, notebooks are run, runs become a report."""
