"""Which data sets this process has worked with; a run notes it for each notebook, for the public report."""

names: set[str] = set()
