"""Every error code, and what to do next: the one table of both."""

from __future__ import annotations

#: code -> what to do next. A remedy given to an exception at the place where it is raised wins over this one.
REMEDIES: dict[str, str] = {
    # how the library is called
    "invalid_argument": "Pass a value that the documentation of this call allows.",
    "not_bindable": "Bind None, bool, int (64 bits), float (neither NaN nor infinite), str or bytes. Turn anything else into "
    "text or an integer first, so that it reads back as you expect.",
    "transaction_control": "Use client.transaction() or @atomic. A statement never opens or ends a transaction.",
    "foreign_keys_stay_on": "Leave foreign keys on; they are enforced on every connection. In a migration use RebuildTable or "
    "Migration(…, foreign_keys=False). Inside a transaction SQLite ignores this PRAGMA.",
    "session_pragma": "Delete it. It changes the connection, which the application uses afterwards, and not the database. "
    "Where a table must change under its rows, use RebuildTable, which needs no such PRAGMA.",
    "temporary_gone": "Nothing more was run. Complete or undo by hand what the migration has done, then call mark_applied() or "
    "mark_reverted(). Or restore the backup from before. Let the migration keep such rows in a table of the database.",
    "no_effect_inside": "Put it into a migration of its own with use_transaction=False. A transaction makes SQLite ignore it.",
    "many_statements": "Pass one statement per call. agentdb.sql.lexer.split() divides a script.",
    "unsupported_url": "Use a path, a file: URL, ':memory:', or the URL of a libSQL server.",
    "remote_not_supported": "Name a file: this works on files only. AgentDB, Migrator and the clients take the URL of a server.",
    "foreign_client": "Pass a client of agentdb.create_client() or create_client_sync(), or a client of libsql-client.",
    "extra_missing": "Install what the extra names, as in: pip install fastapi uvicorn.",
    "cannot_listen": "Another program may have the port. Name another, or 0 for any that is free.",
    "wrong_world": "Use Migrator with create_client_sync() and AsyncMigrator with create_client().",
    # the state of a handle
    "closed": "Open it again. A closed client or transaction stays closed.",
    "forked": "Open another client in the child process. A SQLite connection must not cross a fork.",
    "transaction_lost": "Run the whole transaction again. The database has already rolled it back.",
    "transaction_active": "Inside `with db.transaction() as tx`, use tx, also in the tasks and threads that are started there; "
    "or end the transaction first.",
    "callback_active": "Do not use the database from an event callback. Note what you need, and act after the call returns.",
    # the database file
    "folder_missing": "Create the folder first, or correct the path.",
    "file_missing": "Check the path. A command that only reads creates no database.",
    "is_a_directory": "Name a file inside that folder.",
    "cannot_open": "Check that the path can be opened by this user, then try again.",
    "not_a_database": "Name a SQLite file. If this file should be one, restore it from a backup. It was not changed.",
    "corrupt": "Keep the file, and restore a backup, for instance from the folder DATABASE.backups. `sqlite3 FILE .recover` "
    "may save what is left.",
    "read_only": "Give this user write permission on the file and on its folder: SQLite writes -wal and -shm beside it. To "
    "read only, keep it open in a program that may write, or switch it to journal_mode='delete'.",
    "file_replaced": "Close the client and open it again; it then opens the file that has the name now.",
    "recovery_needed": "Open it once as a user who may write it; that rolls the unfinished write back. Or copy it, with its "
    "-journal or -wal, to a folder that you may write, and open the copy.",
    "wal_unavailable": "Move the file to a local disk, or use journal_mode='delete'. WAL does not work in a network folder.",
    "on_connect_failed": "Correct that function. It takes a sqlite3.Connection, registers what the schema needs, and returns.",
    "disk_full": "Free some space on that disk, then try again. Nothing was changed.",
    "temp_folder_full": "Nothing was changed. VACUUM writes a copy of the whole database there. Free some space in the folder "
    "for temporary files, or name another in SQLITE_TMPDIR before the program starts.",
    "io_error": "Check that disk (free space, network mount, system log), then try again.",
    "busy": "Another process or thread is writing. Try again, or open with a longer busy_timeout.",
    # a server
    "network": "Check the URL, the network and the server, then try again. Nothing was changed.",
    "timed_out": "Check the server, then try again, or allow more with timeout=. Nothing was changed.",
    "outcome_unknown": "Read what the write would have changed, and repeat it only if it is not there. It is done whole or not "
    "at all.",
    "token_missing": "Pass the token with auth_token=.",
    "token_refused": "Pass a token of this server with auth_token=.",
    "token_expired": "Pass a new token, or a function that gets one: auth_token=get_token.",
    "token_read_only": "Pass a token that may write. Nothing was changed.",
    "server_limit": "Send or ask for less at once. Nothing was changed.",
    "server_too_old": "Use batch(), or a server that speaks Hrana 3 (sqld 0.24 does).",
    # backups
    "backup_failed": "Nothing was changed. Free some space there, or allow this user to write there. Migrator(…, "
    "backup_dir=FOLDER) keeps backups in another folder; backup=False makes none.",
    "backup_no_space": "Nothing was changed. Free some space there. Migrator(…, backup_dir=FOLDER) keeps backups in another "
    "folder; backup=False makes none.",
    "backup_damaged": "Nothing was changed. The database itself is probably damaged: keep its file, and restore an earlier "
    "backup. `sqlite3 FILE .recover` may save what is left.",
    "not_a_backup": "Name a whole SQLite database, for instance one of those in the folder DATABASE.backups.",
    "file_in_use": "Close every program that has it open, then try again. Nothing was changed.",
    "restore_failed": "Correct what the message names, then restore again. The database is unchanged.",
    # statements
    "statement_failed": "Correct the statement.",
    "constraint": "Correct the values, or the rows that they refer to.",
    "foreign_key": "Create the row that is referred to first, or remove the rows that refer to this one.",
    "unique": "Use another value; one row already has this one.",
    "not_null": "Give this column a value.",
    "check": "Give a value that the column's CHECK allows.",
    "module_missing": "Use a Python whose SQLite has it; those of python.org, uv and conda have FTS5 with trigrams. Where "
    "Python uses the system's SQLite, install a complete one.",
    "too_big": "Store less in one value. SQLite's limit is 1,000,000,000 bytes.",
    "interrupted": "The statement was interrupted and changed nothing. Run it again if it is still needed.",
    # migrations: how they are written
    "invalid_migration": "Correct the migration.",
    "invalid_id": "Use digits, as in '001'.",
    "duplicate_id": "Give each migration its own number. Ids are compared as numbers, so '1' is '001'.",
    "empty_up": "Nothing, if that is intended. Otherwise write its statements before the release.",
    "no_statement": "Write at least one statement, or delete the entry.",
    "control_statement": "Delete it. Each migration runs in a transaction already, so it needs no BEGIN and COMMIT. One that "
    "cannot run in a transaction has use_transaction=False.",
    "bad_migration_file": "Name files NNN_name.up.sql and NNN_name.down.sql, in UTF-8.",
    "skipped_file": "Nothing, if it is not a migration. A migration is named NNN_name.up.sql, and its down NNN_name.down.sql.",
    # migrations: what has shipped
    "bad_ledger": "Correct that line. After a merge conflict keep the lines of both sides; give one of two migrations with one "
    "number another number.",
    "shipped_edited": "Restore the text that has shipped, and put the change into a new migration. If no user has this one, run "
    "`agentdb ledger --rewrite`.",
    "shipped_removed": "Bring it back: databases that have it need it. If no user has it, run `agentdb ledger --rewrite`.",
    "shipped_renumbered": "Give it its number again: databases know it by that. If no user has it, run `agentdb ledger "
    "--rewrite`.",
    "takeover_refused": "See with the other tool what it has applied, and name the folder of its migrations.",
    # migrations: what would be lost
    "data_loss": "Nothing was changed. A table that is rebuilt with foreign keys on empties the tables that refer to it: use "
    'RebuildTable. If the loss is intended, name it: Migration(…, allows_loss=("table",)).',
    "dangling_references": "Nothing was changed. In the migration, first move or delete the rows that refer.",
    "dependent_rows": "Nothing was changed. Delete those rows; or first roll back what made those tables, with its own "
    "migrator.",
    "rebuild_refused": "Nothing was changed. Correct the RebuildTable, or the statements before it.",
    "unknown_form": "Nothing was run. Roll it back with the build that applied it, or with a newer one.",
    "python_step_missing": "Nothing was run. Use a version of the application that has this step.",
    "python_step_failed": "Correct the step. Its migration was rolled back whole.",
    "python_step_refused": "Correct the step: it may only use `yield from execute(…)` and `yield from batch(…)`.",
    "backfill_refused": "Nothing of it was done. A Backfill sets columns of an ordinary table, and none of its key.",
    # migrations: what a database says to them
    "checksum_mismatch": "Restore the original text of the migration, and put the change into a new migration. If the new text "
    "is right, record it with accept_checksum() or `agentdb repair accept-checksum`.",
    "development_build": "It cannot be converted. Move the file to another place, and let the application make a new one.",
    "unknown_migration": "Update the application to a build that has them. Or roll them back with rollback(target=…) or "
    "`agentdb rollback --target ID`, which use the recorded downs.",
    "newer_database": "Nothing. Update the application when you can.",
    "other_application": "Nothing was changed. Name another file; or, for this file, pass its application_id, or None.",
    "nothing_to_repair": "See what is applied with get_migration_summary() or `agentdb status`.",
    "out_of_order": "Give the new migration a number above the newest applied one, or pass allow_out_of_order=True.",
    "duplicate_in_table": "Delete the wrong row from the tracking table. Ids are compared as numbers.",
    "bad_id_in_table": "Delete that row of the tracking table, or correct its id. Ids are digits.",
    "bad_value_in_table": "Nothing; the value is not used. It can be corrected in that row of the tracking table.",
    "foreign_table": "This table belongs to another program. Pass table='another_name' to AgentDB.open() or Migrator.",
    "not_for_a_script": "Correct the statement. If the database recorded it, check its row in the tracking table; somebody may "
    "have changed it.",
    "no_down": "Write a down for it, or roll back to a target above it.",
    "recorded_down_refused": "Use a build of the application that has this migration. Or check its row in the tracking table, "
    "which somebody may have changed, and correct it.",
    "changed_meanwhile": "See what is applied now with get_migration_summary() or `agentdb status`. Then decide again.",
    "wrong_migration_set": "Name the tracking table of these migrations with table=, or pass the migrations of this table. "
    "Each set has its own tracking table. If both are right, the texts and descriptions were edited: restore them.",
    "tracking_table_changed": "Nothing was kept. Change the down so that it does not change that table, or drop the trigger on "
    "it.",
    "view_broken": "Drop the view or the trigger at the beginning of the down, or first roll back what made it.",
    "not_allowed": "An authorizer forbids it: recorded statements may change only the database itself. Use a build of the "
    "application that has this migration, or correct its row in the tracking table.",
    "target_passed": "To go back to it, call rollback(target=…) or run `agentdb rollback --target ID`.",
    "interrupted_rollback": "Complete it first with rollback_last() or `agentdb rollback`. If it is rolled back already, "
    "record that with mark_reverted() or `agentdb repair mark-reverted`.",
    "interrupted_migration": "Call migrate(): it continues after the statements that are done. Only VACUUM and similar "
    "statements may run twice. If all of it is done already, record that with mark_applied() or `agentdb repair mark-applied`.",
    "begun_otherwise": "Run the build that began it; it continues there. Or complete it by hand, and record that with "
    "mark_applied() or `agentdb repair mark-applied`. Or undo by hand what is done, and call mark_reverted().",
    "name_taken": "Nothing was changed. Rename or drop the other table, or give each of the two programs its own file.",
    "gap": "Nothing, if the number was left out on purpose.",
    "changed_description": "Nothing, if the new description is intended.",
    "changed_down": "Nothing, if the down was corrected on purpose. The registered one is used.",
    "manual_row": "Nothing, if somebody inserted the row on purpose. Its text cannot be compared.",
    "up_failed": "Correct the up.",
    "down_failed": "Correct the down.",
    "down_incomplete": "Change the down so that it undoes everything that the up made.",
    "populated_up_failed": "Correct the up so that it also runs on tables that hold rows.",
    "populated_down_failed": "Correct the down so that it also runs on tables that hold rows.",
    "schema_differs": "Change the migration so that the schema does not depend on the rows.",
    "not_filled": "Give rows for it: validate_migrations(…, fixtures={'TABLE': [{'column': value}]}).",
    "bad_fixture": "Correct the rows of fixtures={'TABLE': [{'column': value}]}.",
    "not_repeatable": "Change the down so that it undoes everything that the up made, and the up can run again.",
    # fields
    "missing_value": "Give this field a value.",
    "wrong_type": "Give a value of that type.",
    "not_text": "Leave the surrogate out, or decode the text with errors='replace' first.",
    "too_large": "Give a smaller value, or store it as text.",
    "too_small": "Give a value of 0 or more.",
    "naive_datetime": "Give it a time zone: datetime.now(UTC), or value.replace(tzinfo=…).",
    "not_json": "Use None, bool, int, finite float, str, list, and dict with str keys. Convert anything else first.",
    "not_one_of": "Give one of those values.",
    "other_session": "Name a log of the same session, or None.",
    "bad_search": "Correct the expression, or pass syntax=False to look for the text as it is.",
    "bad_vector": "Give finite numbers of which one at least is not 0.",
    "wrong_dimensions": "Give a vector of the same model, or another name for the model. To begin again with another length, "
    "delete the vectors of that model with memory_embeddings.delete_model().",
    "bad_cursor": "Pass next_cursor of the page before, or None for the first page.",
    "token_counter": "Let the function that AgentDB.open() was given as token_counter return an integer from 0 on for every "
    "message; nothing was written.",
    # rows
    "unreadable_row": "Read the other rows with on_error='placeholder', which marks what cannot be read. Then correct that "
    "column with raw SQL, or delete the row by its id.",
    "not_found": "Check the id.",
    "session_deleted": "Call sessions.restore() with its id first. It brings back the whole session.",
    "session_full": "Continue in another session. The last possible seq of this one is in use.",
    "plan_outdated": "Make a new plan, summarize its messages, and compact with that plan.",
    "already_restored": "Nothing. Its messages are back in their places.",
    "newer_event": "Restore the newer event first. Events of a session are restored from the newest to the oldest.",
    "output_changed": "Set the message's content to the event's summary_content. Or read compactions.archived().",
    "conversation_changed": "Nothing was written. Load the conversation again, repeat your change on it, and save that. "
    "`.messages` of this error has what was added or changed since.",
    "call_answered": "Read its result with messages.context(). To change it, call messages.update() with the id of its message.",
    "not_in_transcript": "Restore it with messages.restore() first, or name a message of the transcript.",
    "place_taken": "Remove the message that is there first, or append the text of this one as a new message.",
    "already_ended": "Nothing; it has ended. update_status(id, 'running') opens it again.",
    "cycle": "Choose a parent that is not one of its descendants.",
    "not_auditable": "Leave it out of tables=, or give it what it lacks.",
    "not_audited": "See with audit.status() which tables are audited, and since when.",
    "in_use": "Delete what uses it first, or pass cascade=True to delete all of it.",
    "version_active": "Activate another version first, with agent_versions.activate().",
    "already_superseded": "Supersede the newest version; memories.successor() gives the one behind it.",
    "already_applied": "Nothing. The memory has the change already.",
    "default_agent": "Make another agent the default one with agents.set_default() first.",
    "already_exists": "Use another id, or update the one that is there.",
    # attachments and exports
    "damaged_attachment": "Delete the attachment and add the file again. Look at the disk: `PRAGMA integrity_check` says whether "
    "more is damaged.",
    "unreadable_source": "Nothing was changed. Check the path, and whether this user may read it.",
    "source_changed": "Nothing was added. Add the file again when nobody writes to it.",
    "export_failed": "Nothing is left there. Make room or give the right to write there, or name another place.",
    "not_an_export": "Nothing was imported. Name a file that db.export() wrote.",
    "unknown_version": "Nothing was imported. Update the application to a build that reads this version.",
    "truncated_export": "Nothing was imported. Copy the file again, or export the session again.",
    "damaged_export": "Nothing was imported. Copy the file again, or export the session again. Where it was edited on purpose, "
    "delete `sha256` from its last line.",
    "bad_export_row": "Nothing was imported. Correct that line, or export the session again.",
}
