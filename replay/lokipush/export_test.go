package lokipush

// MakeRecords is makeRecords for tests from outside.
var MakeRecords = makeRecords
