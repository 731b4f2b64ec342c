-- What contains other resources is found by their types from now on: index anew what is there.

update vocabulary set number = number + 1;
update reindexing r set wanted = v.number,
    complete = case when exists (select from resource where body is not null) then r.complete else v.number end
from vocabulary v;
