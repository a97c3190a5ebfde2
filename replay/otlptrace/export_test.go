package otlptrace

// MakeSpans is makeSpans for tests from outside.
var MakeSpans = makeSpans
