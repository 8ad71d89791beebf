"""Folders of migrations as other tools have them."""

from agentdb.engine.layouts.carrying import Carried as Carried
from agentdb.engine.layouts.carrying import carried as carried
from agentdb.engine.layouts.reading import LAYOUTS as LAYOUTS
from agentdb.engine.layouts.reading import SourceMigration as SourceMigration
from agentdb.engine.layouts.reading import read_layout as read_layout
