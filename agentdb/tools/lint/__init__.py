"""What a review of migrations looks for."""

from agentdb.tools.lint.findings import LintFinding as LintFinding
from agentdb.tools.lint.linter import lint_migrations as lint_migrations
