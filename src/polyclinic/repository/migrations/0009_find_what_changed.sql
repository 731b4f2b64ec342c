-- What was replaced or deleted since somebody read the first page of a search. docs/decisions/0017.

create index change_again on change (type, xid) where version > 1;
