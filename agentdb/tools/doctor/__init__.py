"""The state of one database, as a report that can be sent to support."""

from agentdb.tools.doctor.examination import doctor as doctor
from agentdb.tools.doctor.report import Check as Check
from agentdb.tools.doctor.report import Report as Report
