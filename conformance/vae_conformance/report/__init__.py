"""Reports of a run, all rendered from one record: terminal, JSON, JUnit XML, SARIF, Markdown, HTML and badges."""
