"""Every code of agentdb.errors, in its order: the situation, and the whole text that a person gets.

Read this file from top to bottom as a reviewer of words. Each entry is really provoked: by the function of that name in
error_situations*.py, engine/test_messages.py or engine/backup/test_backup_messages.py. `FILE` stands for the path of the
database, `FOLDER` for that of its folder, `VERSION` for SQLite's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

TABLE = """
== invalid_argument: a limit of zero
limit is 0; it is a number from 1 on, or None for no limit
Pass a value that the documentation of this call allows. [invalid_argument]

== invalid_argument: a target that is no id
target is 'newest'; it is the id of a migration
Pass a value that the documentation of this call allows. [invalid_argument]

== invalid_argument: an unknown target
target '009' is not registered; there are 001, 002, 003
Pass a value that the documentation of this call allows. [invalid_argument]

== invalid_argument: a target that is not applied
target '003' is not applied; there are 001, 002
Pass a value that the documentation of this call allows. [invalid_argument]

== invalid_argument: a rollback of nobody knows what
rollback() needs a limit or a target
Pass a value that the documentation of this call allows. [invalid_argument]

== invalid_argument: a table name that cannot be
'sqlite_x' cannot be the name of the tracking table
Pass a value that the documentation of this call allows. [invalid_argument]

== invalid_argument: a name for migrations
'my.module' is not an iterable of Migration or a module with MIGRATIONS
Pass migrations.MIGRATIONS, a list, or load_migrations(folder); one by one with add_migration(). [invalid_argument]

== invalid_argument: no reason
reason is ' '; say in plain text why this is right: it is recorded
Pass a value that the documentation of this call allows. [invalid_argument]

== invalid_argument: a number for backup
backup is 0; it is True or False
Name the folder of the backups with backup_dir=, and how many are kept with keep_backups=. [invalid_argument]

== invalid_argument: a backup of a database in memory
a database in memory has no file to back up or to restore
Pass a value that the documentation of this call allows. [invalid_argument]

== not_bindable: a date that is bound
parameter 2 is a PosixPath in: SELECT ?, ?
Bind None, bool, int (64 bits), float (neither NaN nor infinite), str or bytes. Turn anything else into text or an integer first, so that it reads back as you expect. [not_bindable]

== not_bindable: a number that does not fit
parameter 'size' is an integer that does not fit in 64 bits in: SELECT :size
Bind None, bool, int (64 bits), float (neither NaN nor infinite), str or bytes. Turn anything else into text or an integer first, so that it reads back as you expect. [not_bindable]

== transaction_control: a statement that begins a transaction
BEGIN is not a statement for a client: BEGIN
Use client.transaction() or @atomic. A statement never opens or ends a transaction. [transaction_control]

== foreign_keys_stay_on: foreign keys switched by a statement
this switches foreign keys: PRAGMA foreign_keys = OFF
Leave foreign keys on; they are enforced on every connection. In a migration use RebuildTable or Migration(…, foreign_keys=False). Inside a transaction SQLite ignores this PRAGMA. [foreign_keys_stay_on]

== foreign_keys_stay_on: foreign keys off
statement 1 of the up of migration 001 switches foreign keys: PRAGMA foreign_keys = OFF
Leave foreign keys on; they are enforced on every connection. In a migration use RebuildTable or Migration(…, foreign_keys=False). Inside a transaction SQLite ignores this PRAGMA. [foreign_keys_stay_on]

== session_pragma: a switch of the connection
statement 2 of the up of migration 001 sets ignore_check_constraints, which would stay set: PRAGMA ignore_check_constraints = ON
Delete it. It changes the connection, which the application uses afterwards, and not the database. Where a table must change under its rows, use RebuildTable, which needs no such PRAGMA. [session_pragma]

== temporary_gone: a temp table that a killed process had
applying migration 002 (step 2) failed: the process that began it has ended, and these TEMP tables of it are lost: keep
Nothing more was run. Complete or undo by hand what the migration has done, then call mark_applied() or mark_reverted(). Or restore the backup from before. Let the migration keep such rows in a table of the database. It was begun before and did not end, so part of it may be done. If all of it is done, record that with mark_applied('002', reason=…) or `agentdb repair mark-applied 002`. If you have undone it by hand, record that with mark_reverted() or `agentdb repair mark-reverted`. [temporary_gone]

== no_effect_inside: a pragma that a transaction ignores
statement 1 of the up of migration 001 sets auto_vacuum, which has no effect inside a transaction: PRAGMA auto_vacuum = FULL
Put it into a migration of its own with use_transaction=False. A transaction makes SQLite ignore it. [no_effect_inside]

== many_statements: two statements in one
statement 1 of the down of migration 001 holds 2 statements: DROP TABLE a; DROP TABLE b
Pass one statement per call. agentdb.sql.lexer.split() divides a script. [many_statements]

== unsupported_url: an unknown scheme
'postgres://host/db' has an unknown scheme
Use a path, a file: URL, ':memory:', or the URL of a libSQL server. [unsupported_url]

== unsupported_url: options in the url
'file:agents.db?mode=ro' carries options after '?'
Give options as arguments of create_client(); write ? and # in a file name as %3F and %23. [unsupported_url]

== remote_not_supported: a server
'libsql://agents.example.com' names a libSQL server
Name a file: this works on files only. AgentDB, Migrator and the clients take the URL of a server. [remote_not_supported]

== foreign_client: a path for a client
str is not a client
Pass a client of agentdb.create_client() or create_client_sync(), or a client of libsql-client. [foreign_client]

== extra_missing: a service without its extra
the service needs uvicorn
Install what the extra `server` names: pip install fastapi uvicorn. [extra_missing]

== cannot_listen: a port that is taken
cannot listen at 127.0.0.1, port PORT: Address already in use
Another program may have the port. Name another, or 0 for any that is free. [cannot_listen]

== wrong_world: the wrong world
KIND was given a client of the other world
Use Migrator with create_client_sync() and AsyncMigrator with create_client(). [wrong_world]

== closed: a closed client
the client of FILE is closed
Open it again. A closed client or transaction stays closed. [closed]

== closed: a transaction that has ended
the transaction on FILE has ended
Begin another with client.transaction(). [closed]

== forked: a client from before a fork
the client of FILE was opened before a fork
Open another client in the child process. A SQLite connection must not cross a fork. [forked]

== transaction_lost: a transaction that sqlite rolled back
the transaction on FILE was rolled back by the database
Run the whole transaction again. The database has already rolled it back. [transaction_lost]

== transaction_active: the client beside its transaction
the client of FILE was used while this thread or task has a transaction open on it
Inside `with db.transaction() as tx`, use tx, also in the tasks and threads that are started there; or end the transaction first. [transaction_active]

== transaction_active: a task that was started inside a transaction
the client of FILE was used by a task or thread that was started inside the transaction that is open on it, or for which the owner of that transaction waits
Inside `with db.transaction() as tx`, use tx, also in the tasks and threads that are started there; or end the transaction first. [transaction_active]

== callback_active: a callback that uses the database
FILE was used from an event callback
Do not use the database from an event callback. Note what you need, and act after the call returns. [callback_active]

== folder_missing: no folder for a database
the folder FILE does not exist
Create the folder first, or correct the path. [folder_missing]

== folder_missing: no folder of migrations
there is no folder FILE
Create the folder first, or correct the path. [folder_missing]

== file_missing: no file
there is no database at FILE
Check the path. A command that only reads creates no database. [file_missing]

== is_a_directory: a directory
FOLDER is a directory
Name a file inside that folder. [is_a_directory]

== cannot_open: a pipe
FILE is a device, a pipe or a socket, not a file
Check that the path can be opened by this user, then try again. [cannot_open]

== not_a_database: a text file
FILE is not a SQLite database: file is not a database in: PRAGMA synchronous=NORMAL
Name a SQLite file. If this file should be one, restore it from a backup. It was not changed. [not_a_database]

== corrupt: a damaged file
FILE is damaged: database disk image is malformed in: SELECT count(*) FROM t
Keep the file, and restore a backup, for instance from the folder DATABASE.backups. `sqlite3 FILE .recover` may save what is left. [corrupt]

== read_only: a client that only reads
FILE was opened read-only
Open it for writing. [read_only]

== file_replaced: a file that was replaced
FILE was replaced while it was open: it was deleted or renamed. Nothing was written. The file that is open is FILE.old now.
Close the client and open it again; it then opens the file that has the name now. [file_replaced]

== recovery_needed: an unfinished write of somebody else
FILE was left in the middle of a write, which only a user who may write the file and its folder can roll back in: PRAGMA synchronous=NORMAL
Open it once as a user who may write it; that rolls the unfinished write back. Or copy it, with its -journal or -wal, to a folder that you may write, and open the copy. [recovery_needed]

== wal_unavailable: a network folder
the -shm file of FILE cannot be shared or locked here: locking protocol
Move the file to a local disk, or use journal_mode='delete'. WAL does not work in a network folder. [wal_unavailable]

== on_connect_failed: a function of the host that fails
on_connect function error_situations_engine.a_function_of_the_host_that_fails.<locals>.register raised LookupError: vectors.so is not here
Correct that function. It takes a sqlite3.Connection, registers what the schema needs, and returns. [on_connect_failed]

== disk_full: a full disk
the disk of FILE is full: database or disk is full in: INSERT INTO t VALUES (zeroblob(100000))
Free some space on that disk, then try again. Nothing was changed. [disk_full]

== disk_full: a full disk in a migration
applying migration 001 (step 1) failed, statement 1 of 1: the disk of FILE is full: database or disk is full in: INSERT INTO notes VALUES (zeroblob(100000))
Free some space on that disk, then try again. Nothing was changed. [disk_full]

== temp_folder_full: a temporary folder that is full
the folder for SQLite's temporary files is full, or this user may not write there: disk I/O error in: VACUUM
Nothing was changed. VACUUM writes a copy of the whole database there. Free some space in the folder for temporary files, or name another in SQLITE_TMPDIR before the program starts. [temp_folder_full]

== io_error: a disk that fails
reading or writing FILE failed: disk I/O error in: INSERT INTO t VALUES (zeroblob(1000000))
Check that disk (free space, network mount, system log), then try again. [io_error]

== busy: another writer
FILE is locked by another writer in: BEGIN IMMEDIATE
Another process or thread is writing. Try again, or open with a longer busy_timeout. [busy]

== network: a server that is not there
http://127.0.0.1:1 cannot be reached: Connection refused
Check the URL, the network and the server, then try again. Nothing was changed. [network]

== timed_out: a server that does not answer
URL gave no answer within 0.2 s
Check the server, then try again, or allow more with timeout=. Nothing was changed. [timed_out]

== outcome_unknown: a write that is not answered
whether URL has done a write is not known: no answer within 0.2 s
Read what the write would have changed, and repeat it only if it is not there. It is done whole or not at all. [outcome_unknown]

== token_missing: a server that asks for a token
URL asks for a token
Pass the token with auth_token=. [token_missing]

== token_refused: a token that is refused
URL refuses the token
Pass a token of this server with auth_token=. [token_refused]

== token_expired: a token that has expired
URL says that the token has expired
Pass a new token, or a function that gets one: auth_token=get_token. [token_expired]

== token_read_only: a token that may only read
URL does not allow this with the token
Pass a token that may write. Nothing was changed. [token_read_only]

== server_limit: a value that is too long for a server
parameter 1 has 5000000 bytes, and the server takes less than 5000000 in: SELECT ?
Send or ask for less at once. Nothing was changed. [server_limit]

== server_too_old: a transaction on an old server
URL does not speak Hrana 3, so it cannot guard a transaction
Use batch(), or a server that speaks Hrana 3 (sqld 0.24 does). [server_too_old]

== backup_failed: a file in the place of the backups
no backup of FILE could be made: FILE.backups: File exists
Nothing was changed. Free some space there, or allow this user to write there. Migrator(…, backup_dir=FOLDER) keeps backups in another folder; backup=False makes none. [backup_failed]

== backup_failed: a lock of backups that cannot be opened
no backup of FILE could be made: FILE.backups/agents.db.lock (or the -wal and -shm files beside it) cannot be opened: unable to open database file
Nothing was changed. Free some space there, or allow this user to write there. Migrator(…, backup_dir=FOLDER) keeps backups in another folder; backup=False makes none. [backup_failed]

== backup_no_space: a disk too small for a backup
a copy of FILE needs 9,675,702 MB in FILE.backups, and N MB are free
Nothing was changed. Free some space there. Migrator(…, backup_dir=FOLDER) keeps backups in another folder; backup=False makes none. [backup_no_space]

== backup_damaged: a restore from a damaged file
the copy of FILE.holed at FILE.restoring is not whole: database disk image is malformed
Choose another backup; nothing was changed. [backup_damaged]

== not_a_backup: a restore from a text file
FILE.txt is not a SQLite database: file is not a database in: PRAGMA synchronous=NORMAL
Name a whole SQLite database, for instance one of those in the folder DATABASE.backups. [not_a_backup]

== not_a_backup: a restore from an empty file
FILE.empty is an empty database
Name a whole SQLite database, for instance one of those in the folder DATABASE.backups. [not_a_backup]

== not_a_backup: a restore from the database itself
FILE is the database itself
Name a whole SQLite database, for instance one of those in the folder DATABASE.backups. [not_a_backup]

== file_in_use: a restore in use
FILE is in use by this process
Close every program that has it open, then try again. Nothing was changed. [file_in_use]

== restore_failed: a restore without a place for its lock
FILE could not be restored from FILE.kept: FILE.backups: File exists
Correct what the message names, then restore again. The database is unchanged. [restore_failed]

== statement_failed: a rebuild by hand under a view
applying migration 002 (rebuilt) failed, statement 3 of 3: error in view listed: no such table: main.notes in: ALTER TABLE fresh RENAME TO notes
A view or a trigger names a table that is missing at this statement. Rebuild the table with RebuildTable, which keeps both. Or drop them before, and create them again at the end. [statement_failed]

== statement_failed: a migration outside a transaction that fails again
applying migration 002 (outside) failed, statement 2 of 2: no such table: nowhere in: DELETE FROM nowhere
Correct the statement. It ran outside a transaction: the statements before it stay done, and the next start continues here. It was begun before and did not end, so part of it may be done. If all of it is done, record that with mark_applied('002', reason=…) or `agentdb repair mark-applied 002`. If you have undone it by hand, record that with mark_reverted() or `agentdb repair mark-reverted`. [statement_failed]

== statement_failed: a statement that fails
applying migration 002 (tags) failed, statement 2 of 2: no such table: nowhere in: INSERT INTO nowhere SELECT text FROM notes
Correct the statement. [statement_failed]

== statement_failed: a down that fails
rolling back migration 001 (notes) failed, statement 1 of 1: no such table: note in: DROP TABLE note; nothing was rolled back
Correct the statement. [statement_failed]

== constraint: a value of another type
cannot store TEXT value in INTEGER column t.x in: INSERT INTO t VALUES ('one')
Correct the values, or the rows that they refer to. [constraint]

== foreign_key: a constraint that fails at commit
applying migration 001 (notes) failed: FOREIGN KEY constraint failed in: COMMIT
Create the row that is referred to first, or remove the rows that refer to this one. [foreign_key]

== unique: rows of users that are not unique
applying migration 002 (one name each) failed, statement 1 of 1: UNIQUE constraint failed: notes.id in: CREATE UNIQUE INDEX one_each ON notes (id)
Users have rows that are not unique. Merge or delete the duplicates in the migration, before it creates the index; or create it without UNIQUE. [unique]

== unique: a constraint that fails
applying migration 002 (tags) failed, statement 2 of 2: UNIQUE constraint failed: tags.name in: INSERT INTO tags VALUES ('a'), ('a')
Use another value; one row already has this one. [unique]

== not_null: a value that is missing
NOT NULL constraint failed: t.x in: INSERT INTO t VALUES (NULL)
Give this column a value. [not_null]

== not_null: rows of users that do not keep a rule
applying migration 002 (texts) failed, statement 2 of 2: NOT NULL constraint failed: texts.text in: INSERT INTO texts SELECT id FROM notes
Users have rows that violate this rule. Change them in the migration, before this statement. [not_null]

== check: a value that a check refuses
CHECK constraint failed: small in: INSERT INTO t VALUES (9)
Give a value that the column's CHECK allows. [check]

== module_missing: a sqlite that lacks something
this SQLite, VERSION, was built without the module fts9 in: CREATE VIRTUAL TABLE t USING fts9 (text)
Use a Python whose SQLite has it; those of python.org, uv and conda have FTS5 with trigrams. Where Python uses the system's SQLite, install a complete one. [module_missing]

== too_big: a value beyond the limit
string or blob too big in: SELECT zeroblob(2000000000)
Store less in one value. SQLite's limit is 1,000,000,000 bytes. [too_big]

== interrupted: a statement that is interrupted
interrupted in: WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c
The statement was interrupted and changed nothing. Run it again if it is still needed. [interrupted]

== invalid_migration: no description
migration 001 needs a description in plain text, not ''
Correct the migration. [invalid_migration]

== invalid_migration: bytes for sql
statement 1 of the up of migration 001 is a bytes, not SQL
Correct the migration. [invalid_migration]

== invalid_id: an id that is no number
'1a' is not a migration id
Use digits, as in '001'. [invalid_id]

== duplicate_id: one number twice
migration 1 (stars) has the number of 001 (notes)
Give each migration its own number. Ids are compared as numbers, so '1' is '001'. [duplicate_id]

== empty_up: an up without a statement
migration 001 (step 1) has no statement, so it does nothing
Nothing, if that is intended. Otherwise write its statements before the release. [empty_up]

== no_statement: no statement at all
the up of migration 001 is not written yet
Write at least one statement, or delete the entry. [no_statement]

== no_statement: only a comment
statement 2 of the up of migration 001 holds no statement: -- later
Write at least one statement, or delete the entry. [no_statement]

== control_statement: transaction control
statement 1 of the up of migration 001 is COMMIT: commit
Delete it. Each migration runs in a transaction already, so it needs no BEGIN and COMMIT. One that cannot run in a transaction has use_transaction=False. [control_statement]

== bad_migration_file: a file of another name
in FOLDER: first.up.sql does not begin with a number and an underscore
Name files NNN_name.up.sql and NNN_name.down.sql, in UTF-8. [bad_migration_file]

== bad_migration_file: a down without its up
in FOLDER: 001_first.down.sql has no 001_first.up.sql beside it
Name files NNN_name.up.sql and NNN_name.down.sql, in UTF-8. [bad_migration_file]

== skipped_file: a file that is no migration
the file seed.sql is not a migration; it was left out
Nothing, if it is not a migration. A migration is named NNN_name.up.sql, and its down NNN_name.down.sql. [skipped_file]

== bad_ledger: a ledger with a merge conflict
FOLDER/migrations.lock, line 1, is the mark of a merge conflict
Correct that line. After a merge conflict keep the lines of both sides; give one of two migrations with one number another number. [bad_ledger]

== shipped_edited: an edit of what has shipped
migration 001 (t) of the set notes has shipped, and now it has another text
Restore the text that has shipped, and put the change into a new migration. If no user has this one, run `agentdb ledger --rewrite`. [shipped_edited]

== shipped_removed: a removal of what has shipped
migration 001 (t) of the set notes has shipped, and now it is not there
Bring it back: databases that have it need it. If no user has it, run `agentdb ledger --rewrite`. [shipped_removed]

== shipped_renumbered: another number for what has shipped
migration 001 (t) of the set notes has shipped, and now it has the number 002
Give it its number again: databases know it by that. If no user has it, run `agentdb ledger --rewrite`. [shipped_renumbered]

== takeover_refused: a database that no other tool has migrated
no history of another tool was found; nothing was recorded
Name the newest applied id with at=, or with --at. [takeover_refused]

== data_loss: a rebuild that empties the children
on a database at 001 with rows in it: applying migration 002 (step 2) failed: it would lose rows or references: c 5 -> 1
Nothing was changed. A table that is rebuilt with foreign keys on empties the tables that refer to it: use RebuildTable. If the loss is intended, name it: Migration(…, allows_loss=("table",)). [data_loss]

== data_loss: a rebuild by hand
applying migration 002 (by hand) failed: it would lose rows or references: children 3 -> 0, friends.parent 1 -> 0
Nothing was changed. A table that is rebuilt with foreign keys on empties the tables that refer to it: use RebuildTable. If the loss is intended, name it: Migration(…, allows_loss=("table",)). [data_loss]

== dangling_references: a reference that would dangle
applying migration 002 (renumber) failed: it would leave references that point to nothing: children -> parents (parent), friends -> parents (parent)
Nothing was changed. In the migration, first move or delete the rows that refer. [dangling_references]

== dependent_rows: a host that holds rows
rolling back migration 001 (family) failed: it would drop parents, and other tables hold rows under that: children (3), friends (1); nothing was rolled back
Nothing was changed. Delete those rows; or first roll back what made those tables, with its own migrator. [dependent_rows]

== rebuild_refused: a rebuild of nothing
applying migration 001 (rebuild) failed, statement 1 of 1: the table notes cannot be rebuilt: there is no such table
Nothing was changed. Correct the RebuildTable, or the statements before it. [rebuild_refused]

== unknown_form: a form of a newer build
migration 002 was recorded in a form that this build does not know ('split_table', version 1)
Nothing was run. Roll it back with the build that applied it, or with a newer one. [unknown_form]

== python_step_missing: a python step of another build
rolling back migration 002 (step 2) needs the Python step 'join_names', version 2, which this build does not have; nothing was rolled back
Nothing was run. Use a version of the application that has this step. [python_step_missing]

== python_step_failed: a python step that raises
applying migration 002 (step 2) failed, statement 1 of 1 (Python step 'split_names', version 1): it raised ValueError: the name has no space
Correct the step. Its migration was rolled back whole. [python_step_failed]

== python_step_refused: a python step that yields text
applying migration 002 (step 2) failed, statement 1 of 1 (Python step 'split_names', version 1): it yielded a str, which is not a statement
Correct the step: it may only use `yield from execute(…)` and `yield from batch(…)`. [python_step_refused]

== backfill_refused: a backfill of a view
applying migration 003 (step 3) failed, statement 1 of 1: the Backfill of 'v' was not begun: it is a view; only the rows of ordinary tables have a key
Nothing of it was done. A Backfill sets columns of an ordinary table, and none of its key. [backfill_refused]

== checksum_mismatch: an edited migration
the SQL of migration 001 (notes) is not what was applied (recorded v1:0ff036cb9c7b…, here v1:851f8169d425…); nothing was run
Restore the original text of the migration, and put the change into a new migration. If the new text is right, record it with accept_checksum() or `agentdb repair accept-checksum`. [checksum_mismatch]

== development_build: a file of a development build
a build of agentdb from before its first release made this database (commits d93d150 to 617e62c); nothing was run
It cannot be converted. Move the file to another place, and let the application make a new one. [development_build]

== unknown_migration: an older build
migration 002 (tags) is applied and unknown to this build; migration 003 (stars) is applied and unknown to this build; this build ends at 001; nothing was run
Update the application to a build that has them. Or roll them back with rollback(target=…) or `agentdb rollback --target ID`, which use the recorded downs. [unknown_migration]

== newer_database: one of a newer build
migration 002 is of a newer build, and backward compatible
Nothing. Update the application when you can. [newer_database]

== other_application: a file of another application
the file belongs to another application: its application_id is 0x7, not 0x61676462
Nothing was changed. Name another file; or, for this file, pass its application_id, or None. [other_application]

== nothing_to_repair: nothing to repair
migration 001 (notes) is applied already
See what is applied with get_migration_summary() or `agentdb status`. [nothing_to_repair]

== out_of_order: a late migration
migration 002 (tags) is pending below the newest applied one; nothing was run
Give the new migration a number above the newest applied one, or pass allow_out_of_order=True. [out_of_order]

== duplicate_in_table: one number twice in the table
the tracking table holds '001' and '1'; nothing was run
Delete the wrong row from the tracking table. Ids are compared as numbers. [duplicate_in_table]

== bad_id_in_table: an id in the table that is none
the tracking table holds the id 'initial'; nothing was run
Delete that row of the tracking table, or correct its id. Ids are digits. [bad_id_in_table]

== bad_value_in_table: a time in the tracking table that is none
the tracking table holds an execution_time of migration 001 that is not a time
Nothing; the value is not used. It can be corrected in that row of the tracking table. [bad_value_in_table]

== foreign_table: somebody elses table
the table 'migrations' is not a tracking table of agentdb: it has no column id
This table belongs to another program. Pass table='another_name' to AgentDB.open() or Migrator. [foreign_table]

== not_for_a_script: a recorded down that is no whole statement
statement 1 of migration 002 cannot be in a script: it is not one whole SQL statement
Correct the statement. If the database recorded it, check its row in the tracking table; somebody may have changed it. [not_for_a_script]

== no_down: a missing down
there is no down for 001 (notes); nothing was rolled back
Write a down for it, or roll back to a target above it. [no_down]

== no_down: a recorded down that cannot be read
the recorded statements of migration 002 cannot be read
Run a build that has this migration, or correct the row in the tracking table. [no_down]

== recorded_down_refused: a recorded down that no migration may have
the recorded down of migration 002 was not run: statement 1 of it is ATTACH; nothing was rolled back
Use a build of the application that has this migration. Or check its row in the tracking table, which somebody may have changed, and correct it. [recorded_down_refused]

== changed_meanwhile: another process that was quicker
another process has changed what is applied: now 001 would be rolled back, and 002 was planned; nothing was rolled back
See what is applied now with get_migration_summary() or `agentdb status`. Then decide again. [changed_meanwhile]

== wrong_migration_set: a set on the table of another
the table 'migrations' has none of these migrations; the tracking tables there are 'migrations'; nothing was run
Name the tracking table of these migrations with table=, or pass the migrations of this table. Each set has its own tracking table. If both are right, the texts and descriptions were edited: restore them. [wrong_migration_set]

== tracking_table_changed: a recorded down that changes the history
rolling back migration 002 (step 2) failed: it would leave other rows than those of the migrations that stay as the tracking table 'migrations'; nothing was rolled back
Nothing was kept. Change the down so that it does not change that table, or drop the trigger on it. [tracking_table_changed]

== view_broken: a view on what is rolled back
rolling back migration 002 (step 2) failed: the view listed would not work any more: no such table: main.u; nothing was rolled back
Drop the view or the trigger at the beginning of the down, or first roll back what made it. [view_broken]

== not_allowed: a recorded down that leaves the database
rolling back migration 002 (step 2) failed, statement 1 of 1: not authorized in: CREATE TEMP TABLE scratch (x); nothing was rolled back
An authorizer forbids it: recorded statements may change only the database itself. Use a build of the application that has this migration, or correct its row in the tracking table. [not_allowed]

== target_passed: a target that is behind
target 1 is passed already: migration 002 is applied; nothing was run
To go back to it, call rollback(target='1') or run `agentdb rollback --target 1`. [target_passed]

== interrupted_rollback: an interrupted rollback
rolling back migration 001 was begun and not finished; nothing was run
Complete it first with rollback_last() or `agentdb rollback`. If it is rolled back already, record that with mark_reverted() or `agentdb repair mark-reverted`. [interrupted_rollback]

== interrupted_migration: one that died half way
migration 002 was begun and not finished; the next start continues it
Call migrate(): it continues after the statements that are done. Only VACUUM and similar statements may run twice. If all of it is done already, record that with mark_applied() or `agentdb repair mark-applied`. [interrupted_migration]

== begun_otherwise: a migration that was begun otherwise
applying migration 001 (d) failed: migration 001 was begun with other statements, and 1 of those are done
Run the build that began it; it continues there. Or complete it by hand, and record that with mark_applied() or `agentdb repair mark-applied`. Or undo by hand what is done, and call mark_reverted(). [begun_otherwise]

== name_taken: a table in the place of one of ours
the file has tables already that pending migrations would create: 'messages' (migration 003 (Messages)); nothing was run
Nothing was changed. Rename or drop the other table, or give each of the two programs its own file. [name_taken]

== gap: a number that was left out
there is no migration between 001 and 003
Nothing, if the number was left out on purpose. [gap]

== changed_description: another description
migration 001 was applied as 'step 1' and is now 'another'
Nothing, if the new description is intended. [changed_description]

== changed_down: another down
the down of migration 001 (step 1) is not the recorded one
Nothing, if the down was corrected on purpose. The registered one is used. [changed_down]

== manual_row: a row put in by hand
the row of migration 001 was put in by hand
Nothing, if somebody inserted the row on purpose. Its text cannot be compared. [manual_row]

== up_failed: an up that fails
applying migration 002 (step 2) failed, statement 1 of 1: no such table: u in: INSERT INTO u VALUES (1)
Correct the up. [up_failed]

== down_failed: a down that fails in the proof
rolling back migration 002 (step 2) failed, statement 1 of 1: no such table: v in: DROP TABLE v; nothing was rolled back
Correct the down. [down_failed]

== down_incomplete: a down that forgets something
the down of migration 001 (step 1) does not restore the schema: left over: table v
Change the down so that it undoes everything that the up made. [down_incomplete]

== populated_up_failed: an up that fails on rows
on a database at 001 with rows in it: applying migration 002 (step 2) failed, statement 1 of 1: Cannot add a column with non-constant default in: ALTER TABLE t ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP
Correct the up so that it also runs on tables that hold rows. [populated_up_failed]

== populated_down_failed: a down that fails on rows
on a database at 002 with rows in it: rolling back migration 002 (step 2) failed, statement 1 of 2: NOT NULL constraint failed: t.x in: INSERT INTO t (x) SELECT NULL FROM t; nothing was rolled back
Correct the down so that it also runs on tables that hold rows. [populated_down_failed]

== schema_differs: a schema that hangs on rows
on a database at 001 with rows in it, the upgrade gives another schema than a new file has: changed: table u
Change the migration so that the schema does not depend on the rows. [schema_differs]

== not_filled: a table that stays empty
no row could be made for table odd at 001: no value was found that CHECK (substr(x, 3, 4) = 'q' || length(x) || 'zz') allows
Give rows for it: validate_migrations(…, fixtures={'TABLE': [{'column': value}]}). [not_filled]

== bad_fixture: a fixture that does not fit
a fixture of u is refused at 001: cannot store TEXT value in INTEGER column u.x in: INSERT INTO "u" ("x") VALUES (?)
Correct the rows of fixtures={'TABLE': [{'column': value}]}. [bad_fixture]

== bad_fixture: a fixture for nothing
there are fixtures for 'u', and no version has a table of that name
Correct the rows of fixtures={'TABLE': [{'column': value}]}. [bad_fixture]

== not_repeatable: an up that cannot be run again
after its down, migration 001 (step 1) fails: applying migration 001 (step 1) failed, statement 1 of 1: table u already exists in: CREATE TABLE u (x)
Change the down so that it undoes everything that the up made, and the up can run again. [not_repeatable]

== missing_value: an agent without a model
model is required (NoneType)
Give this field a value. [missing_value]

== wrong_type: a name that is a number
name is text, not int (int)
Give a value of that type. [wrong_type]

== not_text: half a character
content holds a lone surrogate at index 5, which is not text (str of length 6)
Leave the surrogate out, or decode the text with errors='replace' first. [not_text]

== too_large: more steps than a column holds
max_steps does not fit in 64 bits (int)
Give a smaller value, or store it as text. [too_large]

== too_small: fewer steps than none
max_steps is less than 0 (int)
Give a value of 0 or more. [too_small]

== naive_datetime: a time without its zone
started_at has no time zone, so it is not a point in time (datetime)
Give it a time zone: datetime.now(UTC), or value.replace(tzinfo=…). [naive_datetime]

== not_json: metadata that json cannot hold
metadata holds a set, which JSON does not have (dict of length 1)
Use None, bool, int, finite float, str, list, and dict with str keys. Convert anything else first. [not_json]

== not_one_of: a status that there is not
status is one of idle, running, completed, failed, stopped (str of length 8)
Give one of those values. [not_one_of]

== other_session: a parent in another session
parent_id is a log of another session (int)
Name a log of the same session, or None. [other_session]

== bad_search: a malformed search
text is not an FTS5 expression: unterminated string (str of length 6)
Correct the expression, or pass syntax=False to look for the text as it is. [bad_search]

== bad_vector: a vector without a direction
vector has a length that is 0, not finite, or beyond 32-bit floats, so it has no direction (list of length 3)
Give finite numbers of which one at least is not 0. [bad_vector]

== wrong_dimensions: a vector of another length
embedding has 2 dimensions; the vectors of model 'small' have 3 (int)
Give a vector of the same model, or another name for the model. To begin again with another length, delete the vectors of that model with memory_embeddings.delete_model(). [wrong_dimensions]

== bad_cursor: a cursor of nowhere
cursor is not one that this list gave (str of length 6)
Pass next_cursor of the page before, or None for the first page. [bad_cursor]

== token_counter: a token counter that gives no count
token_counter gave a float for new[0], of role 'user'
Let the function that AgentDB.open() was given as token_counter return an integer from 0 on for every message; nothing was written. [token_counter]

== unreadable_row: a row that cannot be read
the column metadata_json of row 1 in the table messages cannot be read: its JSON has an integer with too many digits
Read the other rows with on_error='placeholder', which marks what cannot be read. Then correct that column with raw SQL, or delete the row by its id. [unreadable_row]

== not_found: an agent that is not there
there is no agent 'nobody'
Check the id. [not_found]

== session_deleted: a message for a hidden session
session_id: session 's' is deleted
Call sessions.restore() with its id first. It brings back the whole session. [session_deleted]

== session_full: a session at the last seq
session_id: session 's' has no seq left
Continue in another session. The last possible seq of this one is in use. [session_full]

== plan_outdated: a plan from before an edit
messages of session 's' have changed since the plan
Make a new plan, summarize its messages, and compact with that plan. [plan_outdated]

== already_restored: a compaction that is restored twice
compaction event 1 is restored already
Nothing. Its messages are back in their places. [already_restored]

== newer_event: a compaction restored before a newer one
compaction event 1 cannot be restored: event 2 of session 's' is newer, and not restored
Restore the newer event first. Events of a session are restored from the newest to the oldest. [newer_event]

== output_changed: a pruned output that was edited
compaction event 1 cannot be restored: message 1, whose output it pruned, has been edited
Set the message's content to the event's summary_content. Or read compactions.archived(). [output_changed]

== conversation_changed: a conversation that somebody else changed
session 's' has changed: the last seq is 2, where 1 was expected
Nothing was written. Load the conversation again, repeat your change on it, and save that. `.messages` of this error has what was added or changed since. [conversation_changed]

== conversation_changed: a version from before a change
session 's' has changed: the version is 'VERSION', where '1//x' was expected
Nothing was written. Load the conversation again, repeat your change on it, and save that. `.messages` of this error has what was added or changed since. [conversation_changed]

== call_answered: a call that is answered twice
the call 'c' in session 's' has its result
Read its result with messages.context(). To change it, call messages.update() with the id of its message. [call_answered]

== not_in_transcript: a new answer for a removed message
message 1 is removed, so it is not in the transcript
Restore it with messages.restore() first, or name a message of the transcript. [not_in_transcript]

== place_taken: a removed message whose place is taken
message 2 cannot be restored: another message has taken its place
Remove the message that is there first, or append the text of this one as a new message. [place_taken]

== already_ended: a session that has ended
session 's' has ended already
Nothing; it has ended. update_status(id, 'running') opens it again. [already_ended]

== cycle: a session that is its own ancestor
session 't' descends from the session that it would be the parent of
Choose a parent that is not one of its descendants. [cycle]

== not_auditable: a table without a primary key
the table notes cannot be audited: it has no primary key, and a VACUUM may renumber its rows
Leave it out of tables=, or give it what it lacks. [not_auditable]

== not_audited: the past of a table that is not audited
the table sessions is not audited
See with audit.status() which tables are audited, and since when. [not_audited]

== not_audited: a table that was changed by hand
raw SQL has changed the table notes or its triggers since they were made
Call audit.enable() for it again. Its rows are known from then on. [not_audited]

== in_use: an agent that has sessions
agent 'a' has 1 session
Delete what uses it first, or pass cascade=True to delete all of it. [in_use]

== version_active: the active version of an agent
agent version 'v' is the active one
Activate another version first, with agent_versions.activate(). [version_active]

== already_superseded: a memory that is superseded twice
memory 'm' is superseded by another one already
Supersede the newest version; memories.successor() gives the one behind it. [already_superseded]

== already_applied: an annotation that is applied twice
annotation 'n' is applied already
Nothing. The memory has the change already. [already_applied]

== default_agent: the default agent
agent 'd' is the default agent
Make another agent the default one with agents.set_default() first. [default_agent]

== already_exists: an id that is taken
agent 'a' exists already
Use another id, or update the one that is there. [already_exists]

== already_exists: a backup over a file
FILE is there already
Name a file that does not exist. [already_exists]

== damaged_attachment: bytes that changed on the disk
the bytes of attachment 1 cannot be read: their SHA-256 is not that of the bytes that were added
Delete the attachment and add the file again. Look at the disk: `PRAGMA integrity_check` says whether more is damaged. [damaged_attachment]

== unreadable_source: a file to attach that is missing
FOLDER/agents.png cannot be read: No such file or directory
Nothing was changed. Check the path, and whether this user may read it. [unreadable_source]

== source_changed: a file that grows while it is attached
the file was changed while it was read
Nothing was added. Add the file again when nobody writes to it. [source_changed]

== export_failed: an export into a missing folder
FILE/s.jsonl cannot be written: Not a directory
Nothing is left there. Make room or give the right to write there, or name another place. [export_failed]

== not_an_export: an import of something else
the first line is not that of an export of agentdb
Nothing was imported. Name a file that db.export() wrote. [not_an_export]

== unknown_version: an import from the future
the export has version 2; this build reads version 1
Nothing was imported. Update the application to a build that reads this version. [unknown_version]

== truncated_export: an import of half a file
line 3 is no JSON: the export is cut off or damaged there
Nothing was imported. Copy the file again, or export the session again. [truncated_export]

== truncated_export: an import that lost its end
the export is cut off behind line 4
Nothing was imported. Copy the file again, or export the session again. [truncated_export]

== damaged_export: an import of an edited file
line 5: the export is not as it was written: its SHA-256 is another one
Nothing was imported. Copy the file again, or export the session again. Where it was edited on purpose, delete `sha256` from its last line. [damaged_export]

== bad_export_row: an import with a row that does not fit
line 4: its row does not fit: CHECK constraint failed: status IN ('complete', 'partial')
Nothing was imported. Correct that line, or export the session again. [bad_export_row]
"""


class Entry(NamedTuple):
    """What a person gets in a situation."""

    code: str
    text: str


#: situation -> what it gives.
ENTRIES: dict[str, Entry] = {
    situation.replace(" ", "_"): Entry(code, text.strip())
    for code, situation, text in re.findall(r"^== (\w+): ([\w ]+)\n(.*?)(?=^== |\Z)", TABLE, re.MULTILINE | re.DOTALL)
}


def expected(function: Callable[..., Any]) -> str:
    """The text of the situation that a function provokes."""
    return ENTRIES[function.__name__].text
