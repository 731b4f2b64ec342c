-- The labels of each resource type are listed among the spellings: everything is to be indexed anew.

update vocabulary set number = number + 1;
update reindexing
set wanted = number, target = null, type = '', id = '', found = 0, verifies = false, done = 0,
    complete = case when exists (select from resource where body is not null) then complete else number end
from vocabulary;
