-- No row after a projection's cursor was appended before `rows_since`: partitions of the ledger that ended by then are not looked into for
-- more. Null: not known.
alter table projection add column rows_since timestamptz;
